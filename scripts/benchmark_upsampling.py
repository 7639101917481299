"""The generator's upsampling convolution against the plain one, forward and backward, on the shapes of `compact`.

    python scripts/benchmark_upsampling.py --size 64 --batch 8 --threads 1 --out FILE.json

Every round times both on every shape; a ratio is the median over the rounds of the ratio within a round.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.files import write_json
from medattngan.core.provenance import provenance
from medattngan.models.compact import GENERATOR_WIDTH, upsampled_convolution, width_at


def plain(x: Tensor, kernel: Tensor) -> Tensor:
    """What `upsampled_convolution` computes, in two steps."""
    return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), kernel, padding=1)


def seconds(way: Any, x: Tensor, kernel: Tensor) -> float:
    """Of one pass forward and backward."""
    began = time.perf_counter()
    torch.autograd.grad(way(x, kernel).sum(), (x, kernel))
    return time.perf_counter() - began


def measure(side: int, size: int, batch: int, rounds: int) -> dict[str, Any]:
    """Both ways from maps `side` high to maps twice as high."""
    inputs, outputs = width_at(side, size, GENERATOR_WIDTH), width_at(2 * side, size, GENERATOR_WIDTH)
    x = torch.randn(batch, inputs, side, side).contiguous(memory_format=torch.channels_last).requires_grad_()
    kernel = torch.randn(outputs, inputs, 3, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    torch.testing.assert_close(upsampled_convolution(x, kernel), plain(x, kernel), atol=1e-3, rtol=1e-3)
    times = np.array([[seconds(way, x, kernel) for way in (plain, upsampled_convolution)] for _ in range(rounds + 2)])
    kept = times[2:]  # the first rounds choose kernels
    ratios = kept[:, 0] / kept[:, 1]
    return {
        "from": side, "inputs": inputs, "outputs": outputs,
        "plain_ms": float(np.median(kept[:, 0]) * 1000), "ours_ms": float(np.median(kept[:, 1]) * 1000),
        "ratio": float(np.median(ratios)), "lowest": float(ratios.min()), "highest": float(ratios.max()),
    }  # fmt: skip


def main() -> None:
    """Measure every stage of the generator, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="of the images")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, help="the table as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    sides = [2**exponent for exponent in range(2, arguments.size.bit_length() - 1)]
    rows = [measure(side, arguments.size, arguments.batch, arguments.rounds) for side in sides]
    for row in rows:
        print(
            "{from:4d} px, {inputs} to {outputs} maps: plain {plain_ms:.1f} ms, ours {ours_ms:.1f}, ".format(**row),
            end="",
        )
        print("{ratio:.2f} ({lowest:.2f} to {highest:.2f})".format(**row))
    total = sum(row["plain_ms"] for row in rows) / sum(row["ours_ms"] for row in rows)
    print(f"all stages together: {total:.2f}")
    if arguments.out:
        write_json(
            arguments.out, {"batch": arguments.batch, "together": total, "rows": rows, "provenance": provenance(0)}
        )


if __name__ == "__main__":
    main()

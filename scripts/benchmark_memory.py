"""Show that streamed moments take the same memory for 2,000 images as for 50,000.

python scripts/benchmark_memory.py [--counts 2000,10000,50000] [--out FILE.json]

Each count runs in a process of its own, whose peak is read when it ends. The extractor is a fixed random projection of
as many features as EfficientNet-Lite0 has, so that what is measured is the stream and not the network. Beside it, the
same with all features kept.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from medattngan.core.files import write_json
from medattngan.extractors.efficientnet import DIM
from medattngan.extractors.table import Extractor, extract
from medattngan.metrics import frechet_distance
from medattngan.metrics.frechet import frechet_distance_of_moments
from medattngan.metrics.stream import stream_moments

SIZE_PX, BATCH = 64, 50


class Projection(nn.Module):
    """(B, 1, 64, 64) → (B, DIM), a rectified random projection."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.randn(SIZE_PX**2, DIM, generator=torch.Generator().manual_seed(0)) / SIZE_PX
        self.register_buffer("weight", weight)

    def forward(self, images: Tensor) -> Tensor:
        return (images.flatten(1) @ self.get_buffer("weight")).relu()


def images(count: int, seed: int) -> Iterator[Tensor]:
    """`count` images in batches, made as they are asked for."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(0, count, BATCH):
        yield torch.rand(BATCH, 1, SIZE_PX, SIZE_PX, generator=generator) * 2 - 1


def measure(kind: str, count: int) -> float:
    """The distance of two sets of `count` images, streamed or with all features kept."""
    extractor = Extractor("projection", DIM, Projection(), "")
    if kind == "streamed":
        real, fake = (stream_moments(extractor, images(count, seed)) for seed in (1, 2))
        return frechet_distance_of_moments(real, fake).item()
    kept = [torch.cat([extract(extractor, batch) for batch in images(count, seed)]) for seed in (1, 2)]
    return frechet_distance(*kept).item()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; write it to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="2000,10000,50000")
    parser.add_argument("--kinds", default="streamed,kept")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        value = measure(given.one[0], int(given.one[1]))
        print(value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.process_time())
        return
    rows = []
    print(f"{'':10}{'images':>10}{'distance':>14}{'peak MB':>10}{'cpu s':>9}   load {os.getloadavg()[0]:.1f}")
    for kind in given.kinds.split(","):
        for count in map(int, given.counts.split(",")):
            command = [sys.executable, __file__, "--one", kind, str(count)]
            value, peak, seconds = map(float, subprocess.check_output(command, text=True).split())
            print(f"{kind:10}{count:10}{value:14.6f}{peak:10.0f}{seconds:9.1f}", flush=True)
            rows.append({"kind": kind, "images": count, "distance": value, "peak_mb": peak, "cpu_seconds": seconds})
    if given.out:
        write_json(given.out, {"rows": rows, "load": os.getloadavg()[0]})


if __name__ == "__main__":
    main()

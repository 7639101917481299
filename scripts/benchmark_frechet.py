"""Time the Fréchet distance against MONAI's FIDMetric and scipy's sqrtm, and compare their values.

python scripts/benchmark_frechet.py [--count 2000] [--dim 2048] [--repeat 3] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from medattngan.core.files import write_json
from medattngan.metrics import frechet_distance
from medattngan.metrics.frechet import Moments, frechet_distance_of_moments


def scipy_distance(real: Tensor, fake: Tensor) -> Tensor:
    """The textbook: a matrix square root of the product of the covariances."""
    a, b = real.numpy(), fake.numpy()
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    shift = a.mean(0) - b.mean(0)
    return torch.tensor(float(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root).real))


def monai_distance(real: Tensor, fake: Tensor) -> Tensor:
    """MONAI's FIDMetric."""
    from monai.metrics.fid import FIDMetric

    value: Tensor = FIDMetric()(fake, real)
    return value


def streamed_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Ours, from moments gathered in batches of 500."""
    streams = [Moments(real.shape[1]), Moments(real.shape[1])]
    for stream, features in zip(streams, (real, fake), strict=True):
        for batch in torch.split(features, 500):
            stream.update(batch)
    return frechet_distance_of_moments(*streams)


CONTENDERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ours": frechet_distance,
    "ours, streamed": streamed_distance,
    "scipy sqrtm": scipy_distance,
    "monai FIDMetric": monai_distance,
}


def draw(count: int, dim: int, seed: int, shift: float) -> Tensor:
    """Features as a network's: non-negative, correlated, with variances that fall off; (count, dim) float64."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(256, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 16
    common = torch.randn(count, 256, generator=generator, dtype=torch.float64) @ mix
    own = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return (common + 0.3 * own + shift).clamp_min(0)


def time_one(measure: Callable[[Tensor, Tensor], Tensor], real: Tensor, fake: Tensor, repeat: int) -> dict[str, Any]:
    """The least wall time of `repeat` runs and the least processor time, which a busy machine distorts less."""
    wall, cpu = [], []
    for _ in range(repeat):
        start, start_cpu = time.perf_counter(), time.process_time()
        value = measure(real, fake).item()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return {"seconds": min(wall), "cpu_seconds": min(cpu), "value": value}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; write it to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", message="The `disp` argument is deprecated", category=DeprecationWarning)
    real, fake = draw(given.count, given.dim, 1, 0.0), draw(given.count, given.dim, 2, 0.1)
    monai_distance(real[:64, :4], fake[:64, :4])  # its import is not what is timed
    print(f"{given.count} x {given.dim} float64, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'':18}{'seconds':>9}{'ratio':>8}{'cpu s':>9}{'ratio':>8}{'value':>18}{'rel. difference':>18}")
    rows: dict[str, dict[str, Any]] = {}
    for name, measure in CONTENDERS.items():
        rows[name] = row = time_one(measure, real, fake, given.repeat)
        ours = rows["ours"]
        row["ratio"] = row["seconds"] / ours["seconds"]
        row["cpu_ratio"] = row["cpu_seconds"] / ours["cpu_seconds"]
        row["relative_difference"] = abs(row["value"] - ours["value"]) / abs(ours["value"])
        times = f"{row['seconds']:9.2f}{row['ratio']:8.1f}{row['cpu_seconds']:9.2f}{row['cpu_ratio']:8.1f}"
        print(f"{name:18}{times}{row['value']:18.8f}{row['relative_difference']:18.1e}", flush=True)
    if given.out:
        setup = {"count": given.count, "dim": given.dim, "threads": torch.get_num_threads()}
        write_json(given.out, {"setup": setup | {"torch": torch.__version__}, "rows": rows})


if __name__ == "__main__":
    main()

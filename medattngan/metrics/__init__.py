"""How good synthetic slices are. Each metric is a function with its definition and its bias.

`METRICS` names them all. To add one: a file here, and a line in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from medattngan.metrics.extractors import EXTRACTORS, Extractor, extract, load_extractor
from medattngan.metrics.frechet import frechet_distance, frechet_replicates
from medattngan.metrics.kernel import kernel_distance, kernel_replicates
from medattngan.metrics.prdc import (
    coverage,
    coverage_replicates,
    density,
    density_replicates,
    precision,
    precision_replicates,
    recall,
    recall_replicates,
)
from medattngan.metrics.resample import Plan
from medattngan.metrics.ssim import (
    ssim_nearest_real,
    ssim_nearest_real_replicates,
    ssim_pairwise,
    ssim_pairwise_replicates,
)


@dataclass(frozen=True)
class Metric:
    """One line of `METRICS`.

    Args:
        on: what it compares: `features` (count, dim), whose extractor joins its name, or `images` (count, 1, H, W).
        value: (real, fake) → a scalar.
        replicates: (real, fake, plan) → (replicates,), the same of resampled sets, for the interval.
        better: `lower`, `higher`, or `floor` where real slices mark the best value.
        least: the least value there can be, where the interval ends.
        most: the largest value there can be.
    """

    on: Literal["features", "images"]
    value: Callable[[Tensor, Tensor], Tensor]
    replicates: Callable[[Tensor, Tensor, Plan], Tensor]
    better: Literal["lower", "higher", "floor"]
    least: float = float("-inf")
    most: float = float("inf")


METRICS: dict[str, Metric] = {
    "fd": Metric("features", frechet_distance, frechet_replicates, "lower", 0.0),
    "kid": Metric("features", kernel_distance, kernel_replicates, "lower"),
    "precision": Metric("features", precision, precision_replicates, "higher", 0.0, 1.0),
    "recall": Metric("features", recall, recall_replicates, "higher", 0.0, 1.0),
    "density": Metric("features", density, density_replicates, "higher", 0.0),
    "coverage": Metric("features", coverage, coverage_replicates, "higher", 0.0, 1.0),
    "ssim_nearest_real": Metric("images", ssim_nearest_real, ssim_nearest_real_replicates, "floor", -1.0, 1.0),
    "ssim_pairwise": Metric("images", ssim_pairwise, ssim_pairwise_replicates, "floor", -1.0, 1.0),
}

__all__ = [
    "EXTRACTORS",
    "METRICS",
    "Extractor",
    "Metric",
    "extract",
    "frechet_distance",
    "kernel_distance",
    "load_extractor",
]

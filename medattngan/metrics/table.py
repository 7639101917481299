"""Every metric by name, and what is read from what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from torch import Tensor

from medattngan.metrics.frechet import frechet_distance_of_pair, frechet_replicates, paired
from medattngan.metrics.kernel import discrepancy, discrepancy_replicates, kernels, mean_of_subsets
from medattngan.metrics.msssim import ms_ssim_pairs
from medattngan.metrics.prdc import (
    balls,
    coverage,
    coverage_replicates,
    density,
    density_replicates,
    precision,
    precision_replicates,
    recall,
    recall_replicates,
)
from medattngan.metrics.radiomics import standardised
from medattngan.metrics.resample import Plan
from medattngan.metrics.ssim import (
    mean_of_pairs,
    mean_of_pairs_replicates,
    nearest,
    ssim_nearest_real,
    ssim_nearest_real_replicates,
    ssim_pairs,
)

Compared = TypeVar("Compared")


@dataclass(frozen=True)
class Metric(Generic[Compared]):
    """One line of `METRICS`.

    Args:
        on: what it compares: `features` (count, dim) and `radiomics` (count, dim), whose extractor joins its name,
            or `images` (count, 1, H, W).
        compare: (real, fake) → what value and replicates are read from. Metrics that name the same function share
            what it returns, so that the costly part is done once. Raises a UserError that says what is lacking.
        value: what was compared → a scalar.
        replicates: what was compared, and a plan → (replicates,), the value of resampled sets, for the interval.
        better: `lower`, `higher`, or `floor` where real slices mark the best value.
        least: the least value there can be, where the interval ends.
        most: the largest value there can be.
    """

    on: Literal["features", "radiomics", "images"]
    compare: Callable[[Tensor, Tensor], Compared]
    value: Callable[[Compared], Tensor]
    replicates: Callable[[Compared, Plan], Tensor]
    better: Literal["lower", "higher", "floor"]
    least: float = float("-inf")
    most: float = float("inf")


METRICS: dict[str, Metric[Any]] = {
    "fd": Metric("features", paired, frechet_distance_of_pair, frechet_replicates, "lower", 0.0),
    "frd": Metric("radiomics", standardised, frechet_distance_of_pair, frechet_replicates, "lower", 0.0),
    "kid": Metric("features", kernels, discrepancy, discrepancy_replicates, "lower"),
    "kid_subsets": Metric("features", kernels, mean_of_subsets, discrepancy_replicates, "lower"),
    "precision": Metric("features", balls, precision, precision_replicates, "higher", 0.0, 1.0),
    "recall": Metric("features", balls, recall, recall_replicates, "higher", 0.0, 1.0),
    "density": Metric("features", balls, density, density_replicates, "higher", 0.0),
    "coverage": Metric("features", balls, coverage, coverage_replicates, "higher", 0.0, 1.0),
    "ssim_nearest_real": Metric("images", nearest, ssim_nearest_real, ssim_nearest_real_replicates, "floor", -1.0, 1.0),
    "ssim_pairwise": Metric("images", ssim_pairs, mean_of_pairs, mean_of_pairs_replicates, "floor", -1.0, 1.0),
    "ms_ssim_pairwise": Metric("images", ms_ssim_pairs, mean_of_pairs, mean_of_pairs_replicates, "floor", 0.0, 1.0),
}

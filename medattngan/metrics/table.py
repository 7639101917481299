"""Every metric by name, and what is read from what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from torch import Tensor

from medattngan.metrics.frechet import frechet_distance_of_pair, paired, standardised
from medattngan.metrics.frechet_bootstrap import frechet_replicates
from medattngan.metrics.kernel import discrepancy, discrepancy_replicates, kernels_of, mean_of_subsets
from medattngan.metrics.msssim import ms_ssim_pairs
from medattngan.metrics.prdc import (
    balls_of,
    coverage,
    coverage_replicates,
    density,
    density_replicates,
    precision,
    precision_replicates,
    recall,
    recall_replicates,
)
from medattngan.metrics.products import in_products
from medattngan.metrics.sets import Part, Shared, Sides, in_pairs
from medattngan.metrics.ssim import (
    likeness,
    mean_of_pairs,
    mean_of_pairs_replicates,
    nearest_of,
    pairs_of,
    ssim_nearest_real,
    ssim_nearest_real_replicates,
)
from medattngan.statistics.bootstrap import Plan

Compared = TypeVar("Compared")


@dataclass(frozen=True)
class Metric(Generic[Compared]):
    """One line of `METRICS`.

    Args:
        on: what it compares: `features` (count, dim) and `radiomics` (count, dim), whose extractor joins its name,
            or `images` (count, 1, H, W).
        compare: (real, fake) → what value and replicates are read from. Metrics that name the same function share
            what it returns, so that the costly part is done once. Raises a UserError that says what is lacking.
            It is given other things where `share` says so.
        value: what was compared → a scalar.
        replicates: what was compared, and a plan → (replicates,), the value of resampled sets, for the interval.
        better: `lower`, `higher`, or `floor` where real slices mark the best value.
        least: the least value there can be, where the interval ends.
        most: the largest value there can be.
        share: (sides, parts) → of each part what `compare` is given. For what the whole and its strata have in common
            and is costly; metrics that name the same function share what it returns, too.
    """

    on: Literal["features", "radiomics", "images"]
    compare: Callable[..., Compared]
    value: Callable[[Compared], Tensor]
    replicates: Callable[[Compared, Plan], Tensor]
    better: Literal["lower", "higher", "floor"]
    least: float = float("-inf")
    most: float = float("inf")
    share: Callable[[Sides, Sequence[Part]], Shared] = in_pairs


METRICS: dict[str, Metric[Any]] = {
    "fd": Metric("features", paired, frechet_distance_of_pair, frechet_replicates, "lower", 0.0),
    "frd": Metric("radiomics", standardised, frechet_distance_of_pair, frechet_replicates, "lower", 0.0),
    "kid": Metric("features", kernels_of, discrepancy, discrepancy_replicates, "lower", share=in_products),
    "kid_subsets": Metric("features", kernels_of, mean_of_subsets, discrepancy_replicates, "lower", share=in_products),
    "precision": Metric("features", balls_of, precision, precision_replicates, "higher", 0.0, 1.0, share=in_products),
    "recall": Metric("features", balls_of, recall, recall_replicates, "higher", 0.0, 1.0, share=in_products),
    "density": Metric("features", balls_of, density, density_replicates, "higher", 0.0, share=in_products),
    "coverage": Metric("features", balls_of, coverage, coverage_replicates, "higher", 0.0, 1.0, share=in_products),
    "ssim_nearest_real": Metric(
        "images", nearest_of, ssim_nearest_real, ssim_nearest_real_replicates, "floor", -1.0, 1.0, share=likeness
    ),
    "ssim_pairwise": Metric(
        "images", pairs_of, mean_of_pairs, mean_of_pairs_replicates, "floor", -1.0, 1.0, share=likeness
    ),
    "ms_ssim_pairwise": Metric("images", ms_ssim_pairs, mean_of_pairs, mean_of_pairs_replicates, "floor", 0.0, 1.0),
}

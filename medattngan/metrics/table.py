"""Every metric by name, and what is read from what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from torch import Tensor

from medattngan.core.plugins import with_plugins
from medattngan.metrics.coherence import judged_of, mean_coherence, mean_coherence_replicates, mirrored
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
from medattngan.metrics.products import MOST_PAIRED, in_products
from medattngan.metrics.sets import Part, Shared, Sides, in_pairs, in_pairs_of_images
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
    """One line of `METRICS`, or of another package's entry points in the group `medattngan.metrics`.

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
        most_slices: it compares all pairs, of no more than so many slices a side; None where it takes any number.
        heading: what the report calls it.
        meaning: what it says and which way is better, in a sentence or two for who never read its paper.
    """

    on: Literal["features", "radiomics", "images"]
    compare: Callable[..., Compared]
    value: Callable[[Compared], Tensor]
    replicates: Callable[[Compared, Plan], Tensor]
    better: Literal["lower", "higher", "floor"]
    least: float = float("-inf")
    most: float = float("inf")
    share: Callable[[Sides, Sequence[Part]], Shared] = in_pairs
    most_slices: int | None = field(default=None, kw_only=True)
    heading: str = field(kw_only=True)
    meaning: str = field(kw_only=True)


METRICS: dict[str, Metric[Any]] = {
    "fd": Metric(
        "features",
        paired,
        frechet_distance_of_pair,
        frechet_replicates,
        "lower",
        0.0,
        heading="Fréchet distance",
        meaning=(
            "Distance between the feature distributions of synthetic and real slices, in the features "
            "of the network named. 0 means identical; lower is better. It grows when fewer slices are "
            "compared, so compare it only with its real-vs-real baseline and with scores from as many "
            "slices."
        ),
    ),
    "frd": Metric(
        "radiomics",
        standardised,
        frechet_distance_of_pair,
        frechet_replicates,
        "lower",
        0.0,
        heading="Radiomic distance",
        meaning=(
            "The Fréchet distance of radiomic texture features rather than network features. Lower is "
            "better; compare it with its real-vs-real baseline only."
        ),
    ),
    "kid": Metric(
        "features",
        kernels_of,
        discrepancy,
        discrepancy_replicates,
        "lower",
        share=in_products,
        most_slices=MOST_PAIRED,
        heading="Kernel distance",
        meaning=("Like the Fréchet distance, but unbiased when slices are few. Lower is better; about 0 is optimal."),
    ),
    "kid_subsets": Metric(
        "features",
        kernels_of,
        mean_of_subsets,
        discrepancy_replicates,
        "lower",
        share=in_products,
        most_slices=MOST_PAIRED,
        heading="Kernel distance over subsets",
        meaning="The kernel distance as papers report it: the mean over random subsets.",
    ),
    "precision": Metric(
        "features",
        balls_of,
        precision,
        precision_replicates,
        "higher",
        0.0,
        1.0,
        share=in_products,
        most_slices=MOST_PAIRED,
        heading="Precision",
        meaning="Fidelity: the fraction of synthetic slices that lie among real ones.",
    ),
    "recall": Metric(
        "features",
        balls_of,
        recall,
        recall_replicates,
        "higher",
        0.0,
        1.0,
        share=in_products,
        most_slices=MOST_PAIRED,
        heading="Recall",
        meaning="Diversity: the fraction of real slices that lie among synthetic ones.",
    ),
    "density": Metric(
        "features",
        balls_of,
        density,
        density_replicates,
        "higher",
        0.0,
        share=in_products,
        most_slices=MOST_PAIRED,
        heading="Density",
        meaning="How densely real slices surround the synthetic ones: like precision, but more robust to outliers.",
    ),
    "coverage": Metric(
        "features",
        balls_of,
        coverage,
        coverage_replicates,
        "higher",
        0.0,
        1.0,
        share=in_products,
        most_slices=MOST_PAIRED,
        heading="Coverage",
        meaning="The fraction of real slices with a synthetic one nearby: like recall, but more robust to outliers.",
    ),
    "ssim_nearest_real": Metric(
        "images",
        nearest_of,
        ssim_nearest_real,
        ssim_nearest_real_replicates,
        "floor",
        -1.0,
        1.0,
        share=likeness,
        heading="SSIM to the nearest real slice",
        meaning=(
            "Mean structural similarity (1 means identical) of each synthetic slice to the most "
            "similar real one. Well below the baseline, the slices resemble no patient. It does not "
            "show copying: the comparison is with held-out patients."
        ),
    ),
    "ssim_pairwise": Metric(
        "images",
        pairs_of,
        mean_of_pairs,
        mean_of_pairs_replicates,
        "floor",
        -1.0,
        1.0,
        share=likeness,
        heading="Intra-set SSIM",
        meaning=(
            "Structural similarity between synthetic slices. Above the baseline, they are less "
            "diverse than real slices; far above it, the generator has collapsed to few modes."
        ),
    ),
    "ms_ssim_pairwise": Metric(
        "images",
        ms_ssim_pairs,
        mean_of_pairs,
        mean_of_pairs_replicates,
        "floor",
        0.0,
        1.0,
        share=in_pairs_of_images,
        heading="Intra-set MS-SSIM",
        meaning="The same at five scales, for slices of 176 pixels or more.",
    ),
    "mirror_coherence": Metric(
        "images",
        judged_of,
        mean_coherence,
        mean_coherence_replicates,
        "floor",
        -1.0,
        1.0,
        share=mirrored,
        heading="Mirror coherence",
        meaning=(
            "Whether detail on one side of a bilateral organ has its counterpart on the other: the correlation of a "
            "slice's detail with its mirror image. Below the baseline, the two halves suit different patients."
        ),
    ),
}
"""Ours, in the order of scores.json and of the report."""


def all_metrics() -> dict[str, Metric[Any]]:
    """`METRICS`, and those that installed packages add as entry points of the group `medattngan.metrics`."""
    return with_plugins(METRICS, "medattngan.metrics", Metric)


DIRECTIONS = {"lower": "lower is better", "higher": "higher is better", "floor": "best at the baseline"}
"""`Metric.better` in words. The baseline is what real slices of other patients score."""


def metric_of(name: str) -> str:
    """The metric that a score's name begins with. FID is the Fréchet distance of Inception's features.

    >>> metric_of("kid[some]"), metric_of("fid[inception]")
    ('kid', 'fd')
    """
    metric = name.partition("[")[0]
    return "fd" if metric == "fid" else metric


def heading_of(name: str) -> str:
    """A score's metric in words; its name where the metric is not installed.

    >>> heading_of("fd[efficientnet-lite0]"), heading_of("theirs[some]")
    ('Fréchet distance', 'theirs[some]')
    """
    metric = all_metrics().get(metric_of(name))
    return name if metric is None else metric.heading

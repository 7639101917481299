"""How good synthetic slices are. Each metric is a function with its definition and its bias.

`METRICS` names ours, `all_metrics()` those of installed packages too. To add one: a file here and a line in the table,
or an entry point of another package.
"""

from __future__ import annotations

from medattngan.extractors.table import EXTRACTORS, Extractor, all_extractors, extract, load_extractor
from medattngan.metrics.frechet import frechet_distance
from medattngan.metrics.kernel import kernel_distance
from medattngan.metrics.msssim import ms_ssim
from medattngan.metrics.ssim import ssim
from medattngan.metrics.table import METRICS, Metric, all_metrics

__all__ = [
    "EXTRACTORS",
    "METRICS",
    "Extractor",
    "Metric",
    "all_extractors",
    "all_metrics",
    "extract",
    "frechet_distance",
    "kernel_distance",
    "load_extractor",
    "ms_ssim",
    "ssim",
]

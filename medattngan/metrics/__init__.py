"""How good synthetic slices are. Each metric is a function with its definition and its bias.

`METRICS` names them all. To add one: a file here, and a line in the table.
"""

from __future__ import annotations

from medattngan.extractors.table import EXTRACTORS, Extractor, extract, load_extractor
from medattngan.metrics.frechet import frechet_distance
from medattngan.metrics.kernel import kernel_distance
from medattngan.metrics.msssim import ms_ssim
from medattngan.metrics.ssim import ssim
from medattngan.metrics.table import METRICS, Metric

__all__ = [
    "EXTRACTORS",
    "METRICS",
    "Extractor",
    "Metric",
    "extract",
    "frechet_distance",
    "kernel_distance",
    "load_extractor",
    "ms_ssim",
    "ssim",
]

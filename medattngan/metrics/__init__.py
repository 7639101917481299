"""How good synthetic slices are. Each metric is a function with its definition and its bias."""

from __future__ import annotations

from medattngan.metrics.extractors import EXTRACTORS, Extractor, extract, load_extractor
from medattngan.metrics.frechet import frechet_distance

__all__ = ["EXTRACTORS", "Extractor", "extract", "frechet_distance", "load_extractor"]

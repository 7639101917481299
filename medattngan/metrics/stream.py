"""Moments of any number of images in the memory of a few: features are added up as they come and not kept."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from medattngan.core.types import Images
from medattngan.extractors.table import Extractor, extract
from medattngan.metrics.frechet import Moments

ROWS = 256
"""Features added at once. Fewer would write the (dim, dim) sums more often than there is work for."""


def stream_moments(extractor: Extractor, batches: Iterable[Images]) -> Moments:
    """Moments of the features of images that arrive as batches (B, 1, H, W), whatever their sizes.

    Two of these give a distance by `frechet_distance_of_moments`. Memory is dim² and ROWS features, whatever the count.

    >>> from medattngan.metrics import load_extractor
    >>> stream = stream_moments(load_extractor("radiomics-2d"), (torch.rand(2, 1, 16, 16) for _ in range(3)))
    >>> stream.count, stream.covariance.shape
    (6, torch.Size([531, 531]))
    """
    moments = Moments(extractor.dim)
    waiting: list[Tensor] = []
    for batch in batches:
        waiting.append(extract(extractor, batch))
        if sum(map(len, waiting)) >= ROWS:
            moments.update(torch.cat(waiting))
            waiting.clear()
    if waiting:
        moments.update(torch.cat(waiting))
    return moments

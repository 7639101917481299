"""Random views of slices: the changes that a copy may have gone through and be a copy still.

Flips both ways, shifts, zoom and small rotations (`medattngan.augment`), then blur, contrast (gain and gamma) and
noise. An encoder trained on them (Chen et al. 2020, arXiv:2002.05709, section 3) does not see them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.augment.geometry import transform
from medattngan.core.types import Images

GEOMETRY = ("flip", "translate", "rotate", "scale")
PROBABILITY = 0.8
"""Of each change, for each slice."""
GAMMA_LOG2 = 0.8
"""Largest |log2| of the exponent on intensities in [0, 1]: from 0.57 to 1.74."""
GAIN = 0.4
"""Largest relative change of the contrast about the mean."""
NOISE = 0.08
"""Largest deviation of the noise, in the units of [-1, 1]: 4 % of the range."""


def view(images: Images, generator: torch.Generator) -> Images:
    """A random view of each of `images` (B, 1, H, W) in [-1, 1]; same shape and range.

    >>> x = torch.rand(2, 1, 8, 8) * 2 - 1
    >>> view(x, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 1, 8, 8])
    """
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator) * (high - low) + low

    def chosen(probability: float = PROBABILITY) -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator) < probability

    images = transform(images, GEOMETRY, PROBABILITY, generator)
    images = torch.where(chosen(0.5), images.flip(2), images)
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    images = torch.lerp(images, blurred, uniform(0, 1) * chosen(0.5))
    brightness = ((images + 1) / 2).clamp(1e-4, 1) ** torch.where(
        chosen(), torch.exp2(uniform(-GAMMA_LOG2, GAMMA_LOG2)), torch.ones(())
    )
    mean = brightness.mean((1, 2, 3), keepdim=True)
    brightness = (brightness - mean) * (1 + uniform(-GAIN, GAIN) * chosen()) + mean
    noise = torch.randn(images.shape, generator=generator) * (uniform(0, NOISE) * chosen())
    return (brightness * 2 - 1 + noise).clamp(-1, 1)

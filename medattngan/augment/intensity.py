"""Random changes of intensity and random erasing, differentiable.

Zhao et al. 2020 (DiffAugment), arXiv:2006.10738. Intensities are a measurement in CT (HU): there these transforms
teach the generator to shift them, so they are named in `LEAKS` and no preset uses them unasked.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from medattngan.core.types import Images

BRIGHTNESS = 0.2
"""Standard deviation of the shift, in the units of [-1, 1]."""
CONTRAST_LOG2 = 0.5
"""Standard deviation of the log2 of the gain about the image's mean."""
CUTOUT = 0.5
"""Side of the erased square, as a share of the image."""


def perturb(images: Images, policy: Sequence[str], probability: float, generator: torch.Generator) -> Images:
    """Apply brightness, contrast and cutout where named in `policy`, each with `probability`; (B, 1, H, W) stays."""
    if probability <= 0:
        return images
    count = len(images)

    def keep() -> Tensor:
        return (torch.rand(count, 1, 1, 1, generator=generator) < probability).to(images)

    if "brightness" in policy:
        shift = torch.randn(count, 1, 1, 1, generator=generator).to(images) * BRIGHTNESS
        images = images + keep() * shift
    if "contrast" in policy:
        gain = torch.exp2(torch.randn(count, 1, 1, 1, generator=generator) * CONTRAST_LOG2).to(images)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = images + keep() * (gain - 1) * (images - mean)
    if "cutout" in policy:
        erased = _squares(count, images.shape[-1], generator).to(images) * keep()
        images = images * (1 - erased) - erased
    return images


def _squares(count: int, size: int, generator: torch.Generator) -> Tensor:
    """(B, 1, size, size): 1 inside a square of half the image's side around a random centre."""
    centre = torch.rand(count, 2, generator=generator) * size
    position = torch.arange(size) + 0.5
    inside = (position[None, None, :] - centre[:, :, None]).abs() < CUTOUT * size / 2
    return (inside[:, 0, :, None] & inside[:, 1, None, :]).unsqueeze(1)

"""What the discriminator sees instead of the image itself, so that few scans last longer."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from medattngan.augment.geometry import GEOMETRIC, transform
from medattngan.augment.intensity import perturb
from medattngan.core.types import Images

LEAKS: dict[str, tuple[str, ...]] = {
    "CT": ("flip", "brightness", "contrast"),
    "MR": ("flip",),
    "CR": ("flip",),
    "DX": ("flip",),
    "OT": ("flip",),
}
"""By modality, the transforms whose traces in a synthetic slice would be medically false.

A flip swaps left and right: situs, and the side of a lesion. A shift or gain of HU is another tissue.
"""


def augment(images: Images, policy: Sequence[str], probability: float, generator: torch.Generator) -> Images:
    """Transform a batch (B, 1, H, W) in [-1, 1] at random and differentiably.

    Args:
        policy: any of flip, translate, scale, rotate, brightness, contrast, cutout.
        probability: of each transform, for each image.
        generator: the source of randomness, on the CPU.
    """
    return perturb(transform(images, policy, probability, generator), policy, probability, generator)


__all__ = ["GEOMETRIC", "LEAKS", "augment"]

"""What the discriminator sees instead of the image itself, so that few scans last longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from medattngan.augment.geometry import GEOMETRIC, draw_matrices, warp
from medattngan.augment.intensity import draw_changes, perturb
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
    return apply(images, draw(len(images), images.shape[-1], policy, probability, generator))


def draw(
    count: int, size: int, policy: Sequence[str], probability: float, generator: torch.Generator
) -> dict[str, Tensor]:
    """The random numbers of `augment` for `count` images of side `size`, by name; none where nothing is to be done."""
    drawn = draw_matrices(count, size, policy, probability, generator)
    return drawn | draw_changes(count, size, policy, probability, generator)


def apply(images: Images, drawn: Mapping[str, Tensor]) -> Images:
    """Transform a batch by what `draw` drew: a pure function of both."""
    return perturb(warp(images, drawn), drawn)


__all__ = ["GEOMETRIC", "LEAKS", "apply", "augment", "draw"]

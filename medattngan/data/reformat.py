"""Volumes cut across their slices: the planes in which nobody drew them.

A volume is (D, H, W), its slices as on a light box, from the least position to the greatest.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from medattngan.core.types import Images

CUTS: dict[str, tuple[str, str]] = {
    "axial": ("coronal", "sagittal"),
    "coronal": ("axial", "sagittal"),
    "sagittal": ("axial", "coronal"),
}
"""Plane of the slices → what cuts along their rows and along their columns are."""
BACKGROUND = -1.0


def cut_names(plane: str) -> tuple[str, str]:
    """What the two cuts of slices of this plane are called.

    >>> cut_names("axial"), cut_names("acquired")
    (('coronal', 'sagittal'), ('along rows', 'along columns'))
    """
    return CUTS.get(plane, ("along rows", "along columns"))


def reformats(volumes: Tensor, along: int, quotient: float) -> Images:
    """Every cut of volumes (N, D, H, W) along their rows (`along` 0) or columns (1): (N · count, 1, S, S).

    The last slice of the volume comes out at the top, pixels are as high as wide, and what is not square is padded
    with background, then brought to the side of the slices.

    Args:
        volumes: in [-1, 1]; H = W = S.
        quotient: the step from slice to slice over the size of a pixel.

    >>> import torch
    >>> reformats(torch.zeros(2, 4, 8, 8), 0, 1.5).shape
    torch.Size([16, 1, 8, 8])
    """
    side = volumes.shape[-1]
    cuts = volumes.flip(1).permute(0, 2, 1, 3) if along == 0 else volumes.flip(1).permute(0, 3, 1, 2)
    images = cuts.reshape(-1, 1, *cuts.shape[2:])
    height = max(1, round(volumes.shape[1] * quotient))
    images = F.interpolate(images, (height, images.shape[-1]), mode="bilinear", antialias=True)
    most = max(height, side)
    rows, columns = most - height, most - images.shape[-1]
    pads = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    images = F.pad(images, pads, value=BACKGROUND)
    if most != side:
        images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
    return images.clamp(-1, 1)

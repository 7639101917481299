"""A map of labels in a file: a volume (NIfTI, MGH) or a picture (PNG)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medattngan.scans.formats.nifti import load_any
from medattngan.scans.masks.grid import Labels, same_grid
from medattngan.scans.series import SetAside

MOST_VALUE = 1 << 24
"""Above it, float32 no longer tells whole numbers apart."""


def load_volume(path: Path, image: Any) -> Labels:
    """The labels of a volume at the voxels of `image`, its scan as loaded: a MetaTensor (1, i, j, k).

    Raises:
        SetAside: it is damaged, or does not fit the scan.
    """
    labels, meta = load_any(path)
    shape = tuple(int(side) for side in image.shape[1:])
    if not (meta.get("oriented", True) and image.meta.get("oriented", True)):
        if labels.shape != shape or meta.get("oriented", True) != image.meta.get("oriented", True):
            raise SetAside("mask-shape")
        return whole(labels)
    return whole(same_grid(labels, np.asarray(meta["affine"], float), shape, image.affine.numpy()))


def load_picture(path: Path, image: Any) -> Labels:
    """The labels of a picture: the numbers of a palette, or grey values as they stand; (row, column, page).

    Raises:
        SetAside: it is in colour, or has other rows or columns than the scan.
    """
    with Image.open(path) as opened:
        pixels = np.asarray(opened)
    if pixels.ndim == 3:
        if not (pixels == pixels[..., :1]).all():
            raise SetAside("mask-values")
        pixels = pixels[..., 0]
    if (*pixels.shape, 1) != tuple(image.shape[1:]):
        raise SetAside("mask-shape")
    return whole(pixels[..., None].astype(np.float32))


def whole(labels: Labels) -> Labels:
    """`labels`, if they are whole numbers from 0.

    Raises:
        SetAside: they are not.
    """
    if (labels != np.rint(labels)).any() or labels.min() < 0 or labels.max() > MOST_VALUE:
        raise SetAside("mask-values")
    return labels

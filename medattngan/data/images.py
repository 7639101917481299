"""The one way from codes on disk to the tensor that networks see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from medattngan.core.types import Codes, Images
from medattngan.data.intensity import codes_to_unit
from medattngan.data.store import SliceStore

SLICES_AT_ONCE = 512
"""So many are in memory at their full size; the rest are codes on disk or already in the size asked for."""


def codes_to_images(codes: Codes) -> Images:
    """Codes (N, H, W) → (N, 1, H, W) float32 in [-1, 1].

    >>> import numpy as np
    >>> codes_to_images(np.uint16([[[0, 65535]]]))
    tensor([[[[-1.,  1.]]]])
    """
    return torch.from_numpy(codes_to_unit(codes)).unsqueeze(1)


def resize(images: Images, size: int) -> Images:
    """(N, 1, H, W) → (N, 1, size, size), bilinear and antialiased; unchanged where the size is right.

    The weights of a pixel sum to 1 but for rounding, so values may leave [-1, 1] by 3e-7.
    """
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def load_images(
    store: SliceStore,
    rows: Sequence[int] | None = None,
    size: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Images:
    """Slices of `store` as the network sees them, (len(rows), 1, size, size) in [-1, 1].

    Args:
        rows: which slices, in this order; None for all.
        size: height and width wanted, in pixels; None for the store's own.
        dtype: float32, or float16 to keep a large store in half the memory.
    """
    rows = range(len(store)) if rows is None else rows
    size = store.size if size is None else size
    images = torch.empty(len(rows), 1, size, size, dtype=dtype)
    for start in range(0, len(rows), SLICES_AT_ONCE):
        some = rows[start : start + SLICES_AT_ONCE]
        images[start : start + len(some)] = resize(codes_to_images(store.read(some)), size)
    return images

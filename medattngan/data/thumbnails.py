"""A strip of slices for a first look."""

from __future__ import annotations

import numpy as np

from medattngan.core.plots import png
from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX

SHOWN = 12
LEAST_PX = 64
"""Smaller slices are shown that large, each pixel as a square."""


def spread(count: int) -> list[int]:
    """Up to SHOWN rows, evenly over `count`.

    >>> spread(3), spread(100)[:3]
    ([0, 1, 2], [0, 9, 18])
    """
    return np.unique(np.linspace(0, count - 1, min(SHOWN, count)).round().astype(int)).tolist() if count else []


def strip(codes: Codes) -> bytes:
    """Slices (count, H, W) side by side in two rows, as a PNG in 8 bits, for looking at only; nothing for none."""
    if len(codes) == 0:
        return b""
    times = -(-LEAST_PX // codes.shape[1])
    grey = np.rint(codes.astype(np.float64) * (255 / CODE_MAX)).astype(np.uint8).repeat(times, 1).repeat(times, 2)
    columns = -(-len(grey) // 2) if len(grey) > 6 else len(grey)
    rows = -(-len(grey) // columns)
    padded = np.zeros((rows * columns, *grey.shape[1:]), np.uint8)
    padded[: len(grey)] = grey
    height, width = grey.shape[1:]
    return png(padded.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width))

"""From channels to grey: of pictures that are grey, and were only stored in colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.scans.series import SetAside

GREY_TOLERANCE = 2
"""Channels this close, in 8-bit steps, are one grey channel that went through a lossy codec."""

LUMINANCE = (19595, 38470, 7471)
"""0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) in steps of 1/65536, as Pillow rounds it."""

Pixels = npt.NDArray[Any]


def opaque(pages: Pixels) -> Pixels:
    """(page, row, column, channel) without the last channel of 2 or 4, which is how opaque a pixel is.

    Raises:
        SetAside: some pixel is not. What it shows depends on what it is laid over, and its own value is anyone's guess.
    """
    if pages.shape[-1] not in (2, 4):
        return pages
    most = np.iinfo(pages.dtype).max if pages.dtype.kind in "ui" else 1
    if (pages[..., -1] != most).any():
        raise SetAside("transparent")
    return pages[..., :-1]


def is_coloured(pages: Pixels) -> bool:
    """Whether the channels of (page, row, column[, channel]) differ by more than a lossy codec makes them."""
    if pages.ndim != 4:
        return False
    steps = float(np.ptp(opaque(pages).astype(np.float64), axis=-1).max())
    return steps > GREY_TOLERANCE * (1.0 if pages.dtype.itemsize == 1 else 257.0)


def to_grey(pages: Pixels) -> Pixels:
    """(page, row, column[, channel]) → (page, row, column).

    Raises:
        SetAside: it is in colour, or partly transparent.
    """
    if pages.ndim != 4:
        return pages
    if is_coloured(pages):
        raise SetAside("colour")
    channels = opaque(pages)
    return channels[..., min(1, channels.shape[-1] - 1)]


def luminance(pages: Pixels) -> Pixels:
    """(page, row, column, 3) in 8 or 16 bits → (page, row, column) in as many.

    >>> luminance(np.uint8([[[[255, 0, 0], [0, 0, 65]]]])).tolist(), luminance(np.uint16([[[[0, 65535, 0]]]])).tolist()
    ([[[76, 7]]], [[[38469]]])
    """
    weighted = pages[..., :3].astype(np.uint64) @ np.asarray(LUMINANCE, np.uint64)
    return ((weighted + np.uint64(0x8000)) >> np.uint64(16)).astype(pages.dtype)

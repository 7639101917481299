"""Where the characters of a line stand, by the attention that read them: what a mask has to cover, and no more."""

from __future__ import annotations

import math

from torch import Tensor

from medattngan.scans.text.boxes import Box
from medattngan.scans.text.reader import STRIDE

EDGE = 0.1
"""Of the attention to a character, on either side, that is not its place."""


def span(attention: Tensor) -> tuple[int, int]:
    """Where the first character begins and the last one ends, in pixels along a crop, by the attention to each of
    them (T, H/8, W/4).

    >>> import torch
    >>> span(torch.eye(4)[1:3, None])
    (4, 12)
    """
    shares = attention.sum(1).cumsum(1)
    first, last = int((shares < EDGE).sum(1).min()), int((shares < 1 - EDGE).sum(1).max()) + 1
    return first * STRIDE[1], last * STRIDE[1]


def along(cut: Box, box: Box, ends: tuple[float, float], *, upwards: bool) -> Box:
    """`box`, from end to end of what was read.

    Args:
        cut: what of the picture the crop shows.
        box: the line, as it was found.
        ends: as shares of the length of the crop.
        upwards: the line runs from below; else from the left.

    >>> along(Box(0, 10, 20, 110), Box(4, 20, 16, 60), (0.05, 0.8), upwards=False)
    Box(top=4, left=15, bottom=16, right=90)
    """
    if upwards:
        height = cut.bottom - cut.top
        top, bottom = cut.bottom - ends[1] * height, cut.bottom - ends[0] * height
        return Box(min(box.top, math.floor(top)), box.left, max(box.bottom, math.ceil(bottom)), box.right)
    width = cut.right - cut.left
    left, right = cut.left + ends[0] * width, cut.left + ends[1] * width
    return Box(box.top, min(box.left, math.floor(left)), box.bottom, max(box.right, math.ceil(right)))

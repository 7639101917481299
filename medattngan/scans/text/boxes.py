"""Rectangles of a picture that hold text."""

from __future__ import annotations

from typing import NamedTuple

NEAR = 3.0
"""What is found beside a line, so many heights away at most, is part of it, whatever was read there."""


class Box(NamedTuple):
    """Rows top to bottom and columns left to right, the ends not included."""

    top: int
    left: int
    bottom: int
    right: int


def merged(boxes: list[Box]) -> list[Box]:
    """Boxes that overlap, as the one box around them; sorted.

    >>> merged([Box(0, 0, 4, 4), Box(8, 8, 9, 9), Box(3, 3, 6, 6)])
    [Box(top=0, left=0, bottom=6, right=6), Box(top=8, left=8, bottom=9, right=9)]
    """
    apart: list[Box] = []
    for box in sorted(boxes):
        while touching := [other for other in apart if _overlap(box, other)]:
            apart = [other for other in apart if other not in touching]
            group = [box, *touching]
            box = Box(
                min(b.top for b in group), min(b.left for b in group),
                max(b.bottom for b in group), max(b.right for b in group),
            )  # fmt: skip
        apart.append(box)
    return sorted(apart)


def in_line(one: Box, other: Box) -> bool:
    """Whether two boxes stand beside each other, are about as high, and are not far apart."""
    heights = sorted((one.bottom - one.top, other.bottom - other.top))
    level = min(one.bottom, other.bottom) - max(one.top, other.top)
    gap = max(one.left, other.left) - min(one.right, other.right)
    return level >= heights[0] / 2 and heights[1] <= 2 * heights[0] and gap <= NEAR * heights[0]


def _overlap(one: Box, other: Box) -> bool:
    down = one.top < other.bottom and other.top < one.bottom
    return down and one.left < other.right and other.left < one.right


def within(box: Box, other: Box) -> bool:
    """Whether most of `box` lies in `other`.

    >>> within(Box(0, 0, 4, 4), Box(0, 1, 4, 9)), within(Box(0, 0, 4, 4), Box(0, 3, 4, 9))
    (True, False)
    """
    rows = min(box.bottom, other.bottom) - max(box.top, other.top)
    columns = min(box.right, other.right) - max(box.left, other.left)
    return 2 * max(0, rows) * max(0, columns) > (box.bottom - box.top) * (box.right - box.left)

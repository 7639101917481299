"""Frames that could be one stack: the same orientation, pixel size, echo time and diffusion weighting.

Scanners write these as decimal text that differs in the last digits from slice to slice, so they are compared with a
tolerance. Rounding them would part two equal numbers that lie on either side of an edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from medattngan.scans.series import Piece

SAME_ORIENTATION_DEG = 0.5
"""Rows, and columns, that differ by less run the same way."""

SAME_SIZE = 1e-3
"""Pixel sizes, echo times and b-values that differ by a smaller share are the same."""


def alike(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Parts of one series whose frames are alike, each measured along one normal.

    A part has all that is within the tolerance of its least member, so the parts do not depend on the order of
    `pieces`; nor does the order of the parts, which is that of their numbers.
    """
    numbers = np.array([_numbers(piece) for piece in pieces])
    same = numbers == numbers[0]
    if (same | (np.isnan(numbers) & np.isnan(numbers[0]))).all():
        return [list(pieces)]
    left = np.lexsort(np.nan_to_num(numbers, nan=-1.0).T[::-1])
    parts = []
    while len(left):
        near = _near(numbers[left], numbers[left[0]])
        parts.append(_along_one_normal([pieces[i] for i in left[near]]))
        left = left[~near]
    return parts


def _numbers(piece: Piece) -> tuple[float, ...]:
    """Orientation (6), spacing (2), echo time and b-value; NaN where unknown."""
    placed = piece.geometry
    place = (math.nan,) * 8 if placed is None else (*placed.orientation, *placed.spacing)
    return (*place, *(math.nan if value is None else value for value in (piece.echo_ms, piece.b_value)))


def _near(numbers: npt.NDArray[np.float64], first: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    rows, columns = (np.linalg.norm(numbers[:, i : i + 3] - first[i : i + 3], axis=1) for i in (0, 3))
    turned = np.maximum(rows, columns) > math.radians(SAME_ORIENTATION_DEG)
    sizes = np.isclose(numbers[:, 6:], first[6:], rtol=SAME_SIZE, atol=0.0, equal_nan=True)
    near: npt.NDArray[np.bool_] = ~turned & sizes.all(axis=1)  # NaN is not greater: no orientation, not turned
    return near


def _along_one_normal(pieces: list[Piece]) -> list[Piece]:
    """Far from the origin even a small turn of the normal is a step, so one normal measures them all."""
    first = pieces[0].geometry
    if first is None or all(piece.geometry and piece.geometry.orientation == first.orientation for piece in pieces):
        return pieces
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    return [
        replace(piece, along_mm=float(np.dot(normal, piece.geometry.origin))) if piece.geometry else piece
        for piece in pieces
    ]

"""Stacks that lie within each other with no place in common: one scan, and again after the patient moved a bit."""

from __future__ import annotations

from collections.abc import Sequence

from medattngan.scans.geometry.affine import is_even
from medattngan.scans.series import Piece, Value
from medattngan.scans.stack.traits import TRAITS

MIN_FRAMES = 3
"""So many make steps that can be compared."""


def disentangled(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Parts of a stack (in the order of places) that are evenly spaced where the whole is not; else the whole.

    A trait parts it if each value has evenly spaced frames, and their places overlap. The two halves of a scan that
    took every other slice first are even together, and stay so.
    """
    whole = list(pieces)
    if not all(piece.traits for piece in whole) or len(whole) < 2 * MIN_FRAMES or is_even(_along(whole)):
        return [whole]
    for number, kind in enumerate(TRAITS.values()):
        parts: dict[Value, list[Piece]] = {}
        for piece in whole if kind == "same" else []:
            parts.setdefault(piece.traits[number], []).append(piece)
        if len(parts) > 1 and all(len(part) >= MIN_FRAMES and is_even(_along(part)) for part in parts.values()):
            ends = [_along(part) for part in parts.values()]
            if max(part[0] for part in ends) < min(part[-1] for part in ends):
                return list(parts.values())
    return [whole]


def _along(pieces: Sequence[Piece]) -> list[float]:
    return [piece.along_mm or 0.0 for piece in pieces]

"""Frames of one series → stacks: alike frames, one at a place, in the order of their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from medattngan.scans.series import Piece
from medattngan.scans.stack.alike import alike
from medattngan.scans.stack.apart import Frames, told_apart
from medattngan.scans.stack.interleaved import disentangled
from medattngan.scans.stack.places import places


def stacked(pieces: Sequence[Piece]) -> Iterator[tuple[str, list[Piece]]]:
    """Each stack of a series, by a key of its own, in the order of places, or of numbers where places are unknown.

    Neither keys nor stacks depend on the names of files or the order of `pieces`.
    """
    count: Counter[str] = Counter()
    for part in alike(pieces):
        for stack in _one_a_place(part):
            key = min(piece.series for piece in stack)
            yield f"{key}\0{count[key]}", stack
            count[key] += 1


def _one_a_place(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    pieces = sorted(pieces, key=lambda piece: piece.order)
    if len(pieces) == 1 or any(piece.along_mm is None for piece in pieces):
        yield pieces
        return
    along = [piece.along_mm or 0.0 for piece in pieces]
    pixel = min(min(piece.geometry.spacing) if piece.geometry else 0.0 for piece in pieces)
    for indices in told_apart(Frames(places(along, pixel), pieces)):
        yield from disentangled(sorted((pieces[i] for i in indices), key=lambda piece: piece.along_mm or 0.0))

"""Pages among slices: what lies nowhere in a study whose other images have a place in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medattngan.scans.find import Found

PAGE = "screen-capture"
"""The reason that is given for them."""


def without_pages(found: Sequence[Found]) -> list[Found]:
    """The files of `found`, with pages set aside: dose reports, captured screens, key images, lost slices; and
    without those frames of an object that have no place, if others of it have one.

    Only where their study has slices that do have a place. Where it has none, as with radiographs that were captured
    from film, or a CT whose positions somebody removed, pictures without a place are all that the user has.
    """
    placed = {piece.study for file in found for piece in file.pieces if piece.geometry is not None} - {""}
    return [_without(file, placed) for file in found]


def _without(file: Found, placed: set[str]) -> Found:
    """A file without its pages; set aside if it has nothing else."""
    slices = tuple(piece for piece in file.pieces if not (piece.page and piece.study in placed))
    pages = len(file.pieces) - len(slices)
    if slices or not pages:
        return replace(file, pieces=slices, pages=pages)
    return replace(file, pieces=(), reason=PAGE)

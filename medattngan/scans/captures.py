"""Pages among slices: what lies nowhere in a study whose other images have a place in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medattngan.scans.find import Found


def without_pages(found: Sequence[Found]) -> list[Found]:
    """The files of `found`, with pages set aside: dose reports, captured screens, key images, lost slices.

    Only where their study has slices that do have a place. Where it has none, as with radiographs that were captured
    from film, or a CT whose positions somebody removed, pictures without a place are all that the user has.
    """
    placed = {piece.study for file in found for piece in file.pieces if piece.geometry is not None} - {""}
    return [replace(file, pieces=(), reason="screen-capture") if _is_page(file, placed) else file for file in found]


def _is_page(file: Found, placed: set[str]) -> bool:
    return bool(file.pieces) and all(piece.page and piece.study in placed for piece in file.pieces)

"""The word SYNTHETIC on the picture: as an overlay plane that a viewer can hide, or burned into the pixels.

DICOM PS3.3 C.9.2 Overlay Plane. The letters are drawn here, so that no font of the machine changes a byte.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.utils import pack_bits

from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX

GLYPHS: dict[str, tuple[str, ...]] = {
    "S": (".###.", "#...#", "#....", ".###.", "....#", "#...#", ".###."),
    "Y": ("#...#", "#...#", ".#.#.", "..#..", "..#..", "..#..", "..#.."),
    "N": ("#...#", "##..#", "#.#.#", "#..##", "#...#", "#...#", "#...#"),
    "T": ("#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."),
    "H": ("#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "E": ("#####", "#....", "#....", "####.", "#....", "#....", "#####"),
    "I": (".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."),
    "C": (".###.", "#...#", "#....", "#....", "#....", "#...#", ".###."),
}
LAYOUTS = (("SYNTHETIC",), ("SYN", "THE", "TIC"))
"""On one line, or on three where the picture is narrow."""
SHARE = 0.45
"""Letters grow with the picture until the word takes about this share of its width."""


@cache
def draw_word(rows: int, columns: int) -> npt.NDArray[np.bool_] | None:
    """SYNTHETIC as a mask with a margin of one stroke, or None where `rows` x `columns` cannot hold it.

    >>> draw_word(64, 64).shape, draw_word(32, 32).shape, draw_word(8, 8)
    ((9, 55), (25, 19), None)
    """
    for lines in LAYOUTS:
        mask = np.concatenate([_line(line) for line in lines])
        mask = np.pad(mask, ((1, 0), (1, 0)))
        scale = max(1, int(columns * SHARE) // mask.shape[1])
        if mask.shape[0] * scale <= rows and mask.shape[1] * scale <= columns:
            return np.kron(mask, np.ones((scale, scale), bool))
    return None


def _line(word: str) -> npt.NDArray[np.bool_]:
    """One line of letters, each 7 x 5 with one free row and column after it."""
    drawn = [np.array([[pixel == "#" for pixel in row] for row in GLYPHS[letter]]) for letter in word]
    return np.concatenate([np.pad(glyph, ((0, 1), (0, 1))) for glyph in drawn], axis=1)


def add_overlay(dataset: Dataset) -> None:
    """Add overlay plane 6000 with SYNTHETIC at the lower left; a picture too small for the word gets none."""
    word = draw_word(dataset.Rows, dataset.Columns)
    if word is None:
        return
    plane = np.zeros((dataset.Rows, dataset.Columns), np.uint8)
    plane[-word.shape[0] :, : word.shape[1]] = word
    packed = pack_bits(plane.ravel())
    dataset.add_new(0x60000010, "US", dataset.Rows)
    dataset.add_new(0x60000011, "US", dataset.Columns)
    dataset.add_new(0x60000022, "LO", "SYNTHETIC")
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60001500, "LO", "SYNTHETIC")
    dataset.add_new(0x60003000, "OW", packed)


def stamp(codes: Codes) -> Codes:
    """A copy of `codes` (..., H, W) with SYNTHETIC in full white on full black at the lower left.

    Raises:
        UserError: the picture is too small for the word.
    """
    rows, columns = codes.shape[-2:]
    word = draw_word(rows, columns)
    if word is None:
        raise UserError(f"slices of {rows} x {columns} pixels are too small for --stamp; use the overlay alone.")
    stamped = codes.copy()
    stamped[..., -word.shape[0] :, : word.shape[1]] = word.astype(np.uint16) * np.uint16(CODE_MAX)
    return stamped

"""Pictures: PNG, JPEG, TIFF and BMP, by their content. Their folder is their label or patient.

A picture has no place in a patient: its plane is `acquired`, its position and spacing are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from medattngan.scans.series import READ_ERRORS, Loaded, Piece, SetAside

MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")
GREY_TOLERANCE = 2
"""Channels this close, in 8-bit steps, are one grey channel that went through a lossy codec."""


def is_picture(path: Path, head: bytes) -> bool:
    """Whether the first bytes are those of a PNG, JPEG, TIFF, BigTIFF or BMP."""
    return head.startswith(MAGIC)


def describe(path: Path, relative: str) -> list[Piece]:
    """The picture in a file. What is in it is seen when it is read.

    Raises:
        SetAside: never; every picture is worth opening.
    """
    return [Piece(path, relative, 0, "", relative, "OT", (0, relative))]


def load(pieces: Sequence[Piece]) -> Loaded:
    """The picture of the only piece in one grey channel: (row, column, page).

    `full_range` says the ends of its numbers: 0 and 255 for 8 bits, else those it has.

    Raises:
        SetAside: it is damaged, in colour, has two levels only, or is no stack of pictures.
    """
    try:
        stored = read_pages(pieces[0].path)
    except (*READ_ERRORS, SyntaxError, Image.DecompressionBombError, tifffile.TiffFileError):
        raise SetAside("unreadable") from None
    pages = to_grey(stored)
    if pages.ndim != 3 or min(pages.shape) < 1:
        raise SetAside("not-2d-or-3d")
    if pages.dtype == np.bool_ or len(np.unique(pages[0].ravel()[:: max(1, pages[0].size // 65536)])) == 2:
        raise SetAside("label-mask")
    volume = np.ascontiguousarray(np.moveaxis(pages, 0, -1), dtype=np.float32)
    if not np.isfinite(volume).all():
        raise SetAside("unreadable")
    ends = (0.0, 255.0) if pages.dtype == np.uint8 else (float(volume.min()), float(volume.max()))
    return volume, {"affine": np.eye(4), "full_range": ends, "spacing_known": False}


def read_pages(path: Path) -> npt.NDArray[Any]:
    """(page, row, column) or (page, row, column, channel), as stored."""
    with path.open("rb") as file:
        tiff = file.read(2) in (b"II", b"MM")
    return _read_tiff(path) if tiff else _read_picture(path)


def _read_picture(path: Path) -> npt.NDArray[Any]:
    with Image.open(path) as file:
        picture: Image.Image = file
        if picture.mode in ("P", "PA"):
            picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
        elif picture.mode in ("CMYK", "YCbCr", "HSV", "LAB"):
            picture = picture.convert("RGB")
        return np.asarray(picture)[None]


def _read_tiff(path: Path) -> npt.NDArray[Any]:
    """The pages of the first series of a TIFF."""
    with tifffile.TiffFile(path) as file:
        first = file.series[0]
        array = first.asarray()
        axes = first.axes
        inverted = file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        if file.pages.first.photometric == tifffile.PHOTOMETRIC.PALETTE:
            raise SetAside("colour")
    if axes.startswith("S"):
        array, axes = np.moveaxis(array, 0, -1), axes[1:] + "S"
    if inverted and array.dtype.kind == "u":
        array = np.iinfo(array.dtype).max - array
    colour = axes.endswith("S")
    rows, columns = (array.shape[-3], array.shape[-2]) if colour else array.shape[-2:]
    return array.reshape((-1, rows, columns, array.shape[-1]) if colour else (-1, rows, columns))


def to_grey(pages: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if pages.ndim != 4:
        return pages
    if pages.shape[-1] in (2, 4):  # the last channel is transparency
        pages = pages[..., :-1]
    if pages.shape[-1] == 1:
        return pages[..., 0]
    steps = float(np.ptp(pages.astype(np.float64), axis=-1).max())
    scale = 1.0 if pages.dtype.itemsize == 1 else 257.0
    if steps > GREY_TOLERANCE * scale:
        raise SetAside("colour")
    return pages[..., 1]

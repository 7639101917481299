"""Pictures: PNG, JPEG, TIFF and BMP, by their content. Their folder is their label or patient.

A picture has no place in a patient: its plane is `acquired`, its position and spacing are unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from medattngan.scans.formats.declared import check_memory
from medattngan.scans.formats.tiff_chain import check_chain
from medattngan.scans.series import READ_ERRORS, Loaded, Piece, SetAside

MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")
GREY_TOLERANCE = 2
"""Channels this close, in 8-bit steps, are one grey channel that went through a lossy codec."""
PICTURE_ERRORS = (*READ_ERRORS, SyntaxError, Image.DecompressionBombError, tifffile.TiffFileError)
"""What `read_pages` raises on a file that is damaged or in a form it cannot decode."""

_WHITE_IS_ZERO = tifffile.PHOTOMETRIC.MINISWHITE
_LEFT_TO_PILLOW = (tifffile.COMPRESSION.LZW, tifffile.COMPRESSION.JPEG)
"""What tifffile decodes only with imagecodecs."""


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
    except PICTURE_ERRORS:
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
        check_memory(math.prod(picture.size) * len(picture.getbands()))
        if picture.mode in ("P", "PA"):
            picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
        elif picture.mode in ("CMYK", "YCbCr", "HSV", "LAB"):
            picture = picture.convert("RGB")
        return np.asarray(picture)[None]


def _read_tiff(path: Path) -> npt.NDArray[Any]:
    """The pages of the first series of a TIFF. More is brighter, whatever its photometric interpretation."""
    array: npt.NDArray[Any]
    check_chain(path)
    with tifffile.TiffFile(path) as file:
        first, page = file.series[0], file.pages.first
        axes = first.axes
        check_memory(first.size)
        if page.compression in _LEFT_TO_PILLOW and len(first.pages) == 1:
            array = _read_picture(path)[0]
            axes = "YXS"[: array.ndim]
            inverted = page.photometric == _WHITE_IS_ZERO and array.dtype.itemsize > 1  # Pillow has turned 8 bits over
        else:
            array = first.asarray()
            inverted = page.photometric == _WHITE_IS_ZERO
            if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
                array, axes = np.moveaxis(np.asarray(page.colormap)[:, array] >> 8, 0, -1).astype(np.uint8), axes + "S"
    if axes.startswith("S"):
        array, axes = np.moveaxis(array, 0, -1), axes[1:] + "S"
    if inverted and array.dtype.kind in "ub":
        array = np.invert(array)
    picture = array.shape[-3:] if axes.endswith("S") else array.shape[-2:]
    return array.reshape(-1, *picture)


def opaque(pages: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(page, row, column, channel) without the last channel of 2 or 4, which is transparency."""
    return pages[..., :-1] if pages.shape[-1] in (2, 4) else pages


def is_coloured(pages: npt.NDArray[Any]) -> bool:
    """Whether the channels of (page, row, column[, channel]) differ by more than a lossy codec makes them."""
    if pages.ndim != 4:
        return False
    steps = float(np.ptp(opaque(pages).astype(np.float64), axis=-1).max())
    return steps > GREY_TOLERANCE * (1.0 if pages.dtype.itemsize == 1 else 257.0)


def to_grey(pages: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(page, row, column[, channel]) → (page, row, column).

    Raises:
        SetAside: it is in colour.
    """
    if pages.ndim != 4:
        return pages
    if is_coloured(pages):
        raise SetAside("colour")
    channels = opaque(pages)
    return channels[..., min(1, channels.shape[-1] - 1)]

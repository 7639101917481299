"""Pictures: PNG, JPEG, TIFF, BMP, WebP and GIF, by their content. Their folder is their label or patient.

A picture has no place in a patient: its plane is `acquired`, its position and spacing are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medattngan.scans.formats.gaps import filled
from medattngan.scans.formats.picture_files import PICTURE_ERRORS, read_pages
from medattngan.scans.formats.picture_grey import to_grey
from medattngan.scans.series import Loaded, Piece, SetAside

MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM", b"GIF87a", b"GIF89a")


def is_picture(path: Path, head: bytes) -> bool:
    """Whether the first bytes are those of a PNG, JPEG, TIFF, BigTIFF, BMP, GIF or WebP."""
    return head.startswith(MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def describe(path: Path, relative: str) -> list[Piece]:
    """The picture in a file. What is in it is seen when it is read.

    Raises:
        SetAside: never; every picture is worth opening.
    """
    return [Piece(path, relative, 0, "", relative, "OT", (0, relative))]


def load(pieces: Sequence[Piece]) -> Loaded:
    """The picture of the only piece in one grey channel: (row, column, page).

    `full_range` says the ends of its numbers: 0 and 255 for 8 bits, else those it has. The affine gives pixels the
    shape that the file gives them; nobody knows their size.

    Raises:
        SetAside: it is damaged, in colour, partly transparent, has two levels only, or is no stack of pictures.
    """
    try:
        stored = read_pages(pieces[0].path)
    except PICTURE_ERRORS:
        raise SetAside("unreadable") from None
    pages = to_grey(stored.pixels)
    if pages.ndim != 3 or min(pages.shape) < 1:
        raise SetAside("not-2d-or-3d")
    if pages.dtype.kind == "c":
        raise SetAside("complex")
    if pages.dtype == np.bool_ or len(np.unique(pages[0].ravel()[:: max(1, pages[0].size // 65536)])) == 2:
        raise SetAside("label-mask")
    volume = filled(np.ascontiguousarray(np.moveaxis(pages, 0, -1), dtype=np.float32))
    ends = (0.0, 255.0) if pages.dtype == np.uint8 else (float(volume.min()), float(volume.max()))
    affine = np.diag([stored.aspect, 1.0, 1.0, 1.0])
    return volume, {"affine": affine, "full_range": ends, "spacing_known": False}

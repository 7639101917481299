"""What is in a file of pictures: the one place where PNG, JPEG, TIFF, BMP, WebP and GIF are decoded.

Pictures come out upright, as their orientation tag says (Exif 2.32, 4.6.4 A, tag 274), and with all the bits they
were stored in.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from medattngan.scans.formats.declared import check_memory
from medattngan.scans.formats.tiff_chain import check_chain
from medattngan.scans.options import SQUARE_TOLERANCE
from medattngan.scans.series import READ_ERRORS, SetAside

PICTURE_ERRORS = (*READ_ERRORS, SyntaxError, Image.DecompressionBombError, tifffile.TiffFileError)
"""What `read_pages` raises on a file that is damaged or in a form it cannot decode, beside SetAside."""

ORIENTATION = 0x112
MOST_ASPECT = 10.0
"""Nobody scans pixels longer than this; a ratio beyond it is a slip."""

_ANIMATED = ("PNG", "GIF", "WEBP")
_WHITE_IS_ZERO = tifffile.PHOTOMETRIC.MINISWHITE
_UNDERSTOOD = tuple(tifffile.PHOTOMETRIC[name] for name in ("MINISWHITE", "MINISBLACK", "RGB", "PALETTE"))
"""Other colour spaces are left to Pillow to turn into RGB."""
_LEFT_TO_PILLOW = (tifffile.COMPRESSION.LZW, tifffile.COMPRESSION.JPEG)
"""What tifffile decodes only with imagecodecs."""


@dataclass(frozen=True)
class Pages:
    """Args:
    pixels: (page, row, column) or (page, row, column, channel), in the type they were stored in.
    aspect: height of a pixel over its width.
    """

    pixels: npt.NDArray[Any]
    aspect: float = 1.0


def read_pages(path: Path) -> Pages:
    """The pictures in a file: the pages of a TIFF, the frames of an animation, or one.

    Raises:
        SetAside: they are of unlike sizes or depths.
    """
    with path.open("rb") as file:
        tiff = file.read(2) in (b"II", b"MM")
    pages = _read_tiff(path) if tiff else _read_picture(path)
    return Pages(pages.pixels.astype(pages.pixels.dtype.newbyteorder("="), copy=False), pages.aspect)


def _read_picture(path: Path) -> Pages:
    with Image.open(path) as picture:
        count = getattr(picture, "n_frames", 1) if picture.format in _ANIMATED else 1
        check_memory(math.prod(picture.size) * len(picture.getbands()) * count)
        if count == 1:
            frames = [_decoded(path, picture)]
        else:
            frames = []
            for frame in range(count):
                picture.seek(frame)
                frames.append(np.asarray(picture.convert("RGBA")))
        # Only now: a PNG is decoded to find its tags, which may stand behind its pixels.
        orientation = _known(picture.getexif().get(ORIENTATION))
        aspect = _aspect(_density(picture))
    return _upright(np.stack(frames), orientation, aspect)


def _decoded(path: Path, picture: Image.Image) -> npt.NDArray[Any]:
    """(row, column) or (row, column, channel)."""
    raw = _sixteen_bit_colour(picture)
    if raw is not None:
        return _both_bytes(path, raw)
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    elif picture.mode in ("CMYK", "YCbCr", "HSV", "LAB"):
        picture = picture.convert("RGB")
    pixels = np.asarray(picture)
    if _hides(pixels, picture.info.get("transparency")):
        raise SetAside("transparent")
    # Before version 11, Pillow opens PNG of 16 bits as 32.
    return pixels.astype(np.uint16) if picture.format == "PNG" and pixels.dtype == np.int32 else pixels


def _hides(pixels: npt.NDArray[Any], colour: object) -> bool:
    """Whether a pixel has the one colour that a PNG without a channel for it takes for transparent (its tRNS)."""
    if isinstance(colour, int) and pixels.ndim == 2:
        return bool((pixels == colour).any())
    return isinstance(colour, tuple) and pixels.shape[2:] == (len(colour),) and bool((pixels == colour).all(-1).any())


def _sixteen_bit_colour(picture: Image.Image) -> str | None:
    """How the decoder unpacks a picture of several channels of 16 bits, of which it keeps 8; None for any other."""
    for tile in getattr(picture, "tile", ()):
        raw = tile[3] if isinstance(tile[3], str) else (tile[3] or ("",))[0]
        if isinstance(raw, str) and ";16" in raw and picture.mode in ("RGB", "RGBA", "LA"):
            return raw
    return None


def _both_bytes(path: Path, raw: str, page: int = 0) -> npt.NDArray[np.uint16]:
    """A picture of several 16-bit channels, decoded twice: for the bytes that Pillow keeps, and for the others.

    Pillow has no mode of several such channels. Told that their bytes come in the other order, it keeps the low ones.
    """
    if raw == "LA;16B":
        four = _unpacked(path, "RGBA", page).astype(np.uint16)
        return four[..., ::2] << np.uint16(8) | four[..., 1::2]
    order, end = {"L": "little", "B": "big", "N": sys.byteorder}[raw[-1]], raw[:-1]
    high, low = ("B", "L") if order == "big" else ("L", "B")
    upper, lower = (_unpacked(path, end + byte, page).astype(np.uint16) for byte in (high, low))
    return upper << np.uint16(8) | lower


def _unpacked(path: Path, raw: str, page: int) -> npt.NDArray[np.uint8]:
    with Image.open(path) as picture:
        if page:
            picture.seek(page)
        tiles: list[Any] = picture.tile
        for at, tile in enumerate(tiles):
            args = raw if isinstance(tile[3], str) else (raw, *tile[3][1:])
            # Before version 11 of Pillow, tiles are plain tuples.
            tiles[at] = tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args)
        return np.asarray(picture)


def _density(picture: Image.Image) -> Sequence[Any] | None:
    """Pixels across and down a length, in whatever unit."""
    for key in ("dpi", "aspect"):
        if key in picture.info:
            return picture.info[key]  # type: ignore[no-any-return]
    return picture.info.get("jfif_density") if picture.info.get("jfif_unit") == 0 else None


def _aspect(density: Sequence[Any] | None) -> float:
    """Height of a pixel over its width; 1 where nothing sound says otherwise.

    >>> _aspect((200, 100)), _aspect((72, 72)), _aspect((0, 0)), _aspect(None)
    (2.0, 1.0, 1.0, 1.0)
    """
    if density is None or len(density) != 2 or not all(0 < float(one) < np.inf for one in density):
        return 1.0
    aspect = float(density[0]) / float(density[1])
    odd = abs(aspect - 1) <= SQUARE_TOLERANCE or not 1 / MOST_ASPECT <= aspect <= MOST_ASPECT
    return 1.0 if odd else aspect


def _known(orientation: Any) -> int:
    """One of the eight; a tag that says anything else says nothing."""
    return next((number for number in range(1, 9) if orientation == number), 1)


def _upright(pages: npt.NDArray[Any], orientation: int, aspect: float) -> Pages:
    """Pages as they are meant to be seen: 2 to 4 turn and mirror them, 5 to 8 exchange rows and columns as well."""
    if orientation in (5, 6, 7, 8):
        pages, aspect = pages.swapaxes(1, 2), 1 / aspect
    if orientation in (3, 4, 7, 8):
        pages = pages[:, ::-1]
    if orientation in (2, 3, 6, 7):
        pages = pages[:, :, ::-1]
    return Pages(np.ascontiguousarray(pages), aspect)


def _read_tiff(path: Path) -> Pages:
    """The pages of a TIFF. More is brighter, whatever its photometric interpretation."""
    check_chain(path)
    with tifffile.TiffFile(path) as file:
        first, page = file.series[0], file.pages.first
        check_memory(first.size)
        _require_alike(file, first)
        axes = first.axes
        space = page.photometric
        if page.compression in _LEFT_TO_PILLOW or space not in _UNDERSTOOD:
            array = np.stack([_by_pillow(path, one.index, page) for one in first.pages if one is not None])
            axes = "IYXS"[: array.ndim]
        else:
            array = first.asarray()
        if space == tifffile.PHOTOMETRIC.PALETTE:
            array, axes = _coloured_by(np.asarray(page.colormap), array), axes + "S"
        orientation = _known(page.tags.valueof(ORIENTATION))
        density = [_ratio(page.tags.valueof(tag)) for tag in ("XResolution", "YResolution")]
    if "S" in axes:  # colours may lie before, behind or between the axes of the pages
        array, axes = np.moveaxis(array, axes.index("S"), -1), axes.replace("S", "") + "S"
    if space == _WHITE_IS_ZERO:
        array = _turned_over(array)
    picture = array.shape[-3:] if axes.endswith("S") else array.shape[-2:]
    return _upright(array.reshape(-1, *picture), orientation, _aspect(density))


def _ratio(value: Any) -> float:
    numerator, denominator = value if isinstance(value, tuple) and len(value) == 2 else (0, 0)
    return numerator / denominator if denominator else 0.0


def _require_alike(file: Any, first: Any) -> None:
    """Raises SetAside where pages are not in the first series, and are no smaller copies of one that is."""
    within = {page.index for level in (first, *first.levels) for page in level.pages if page is not None}
    if any(page.index not in within and not page.is_reduced for page in file.pages):
        raise SetAside("unlike-pages")


def _by_pillow(path: Path, page: int, header: Any) -> npt.NDArray[Any]:
    """One page as stored: Pillow's own turns are undone, as of the pages that it does not decode."""
    with Image.open(path) as picture:
        picture.seek(page)
        raw = _sixteen_bit_colour(picture)
        if raw is not None:
            pixels: npt.NDArray[Any] = _both_bytes(path, raw, page)
        elif picture.mode == "P":
            pixels = np.asarray(picture)
        else:
            pixels = _decoded(path, picture)
            if header.photometric == _WHITE_IS_ZERO and pixels.dtype.itemsize == 1:
                pixels = np.invert(pixels)  # Pillow has turned them over
    if pixels.dtype.itemsize < header.dtype.itemsize:
        raise ValueError("a decoder would lose depth")
    if pixels.dtype.kind in "iu" and header.dtype.kind in "iu":
        pixels = pixels.astype(header.dtype)
    return _as_in_file(pixels, _known(header.tags.valueof(ORIENTATION)))


def _as_in_file(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """What `_upright` undoes."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    stored: npt.NDArray[Any] = _upright(pixels[None], back, 1.0).pixels[0]
    return stored


def _turned_over(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """White is zero. Of floating point nobody knows where black is."""
    if array.dtype.kind not in "uib":
        raise ValueError("white is zero, in floating point")
    turned: npt.NDArray[Any] = np.invert(array)
    return turned


def _coloured_by(colours: npt.NDArray[Any], indices: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Channels last, from a colour map (3, entries) of 16 bits; in 8 where it has no more."""
    eight = any((colours % step == 0).all() for step in (256, 257))
    chosen = np.moveaxis((colours >> 8 if eight else colours)[:, indices], 0, -1)
    return chosen.astype(np.uint8 if eight else np.uint16)

"""Pictures that people look at, each signed as ours: lying among scans, it is then taken for no scan.

Most show patients, and a contact sheet that `ingest` took for a slice would put several of them into one. So no other
module writes a picture by itself; a test reads their source for it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from medattngan.core.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGNED = ("Software", "medattngan")
"""The PNG text (key, value), or the comment of a GIF, that tells a picture of ours. It stands before the pixels."""


def is_signed(head: bytes) -> bool:
    """Whether a file is a picture of ours, by its first 4 KB.

    >>> is_signed(png(np.zeros((2, 2), np.uint8))), is_signed(b"any other file")
    (True, False)
    """
    if head.startswith(b"GIF8"):
        return " ".join(SIGNED).encode("ascii") in head
    return head.startswith(b"\x89PNG") and b"tEXt" + "\0".join(SIGNED).encode("ascii") in head


def save_picture(path: Path, picture: Figure | npt.NDArray[np.uint8], *, dpi: int = 120) -> None:
    """Write `picture` as PNG, signed, atomically. See `png`."""
    content = png(picture, dpi=dpi)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def png(picture: Figure | npt.NDArray[np.uint8], *, dpi: int = 120) -> bytes:
    """The bytes of a signed PNG, without date and version: the same picture is the same bytes.

    Args:
        picture: a figure, or grey values (H, W).
        dpi: pixels an inch of a figure.
    """
    buffer = io.BytesIO()
    if isinstance(picture, np.ndarray):
        text = PngInfo()
        text.add_text(*SIGNED)
        Image.fromarray(picture).save(buffer, format="PNG", optimize=True, pnginfo=text)
    else:
        _on_agg(picture).savefig(buffer, format="png", dpi=dpi, metadata=dict([SIGNED]))
    return buffer.getvalue()


def save_film(path: Path, frames: npt.NDArray[np.uint8], *, milliseconds: int = 80) -> None:
    """Write grey frames (count, H, W) as an endless GIF, signed, atomically.

    Args:
        milliseconds: that a frame is shown; GIF counts in tens.
    """
    first, *others = [Image.fromarray(frame) for frame in frames]
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        first.save(
            handle, format="GIF", save_all=True, append_images=others, duration=milliseconds, loop=0,
            comment=" ".join(SIGNED).encode("ascii"),
        )  # fmt: skip


def with_caption(picture: npt.NDArray[np.uint8], words: str) -> npt.NDArray[np.uint8]:
    """A grey picture (H, W) above a strip with `words` in white on black: (H + 14, W).

    >>> with_caption(np.zeros((20, 120), np.uint8), "SYNTHETIC").shape
    (34, 120)
    """
    height, width = picture.shape
    page = Image.new("L", (width, height + 14))
    page.paste(Image.fromarray(picture), (0, 0))
    ImageDraw.Draw(page).text((width // 2, height + 7), words, fill=255, anchor="mm")
    return np.asarray(page, np.uint8)


def svg(figure: Figure) -> bytes:
    """The bytes of a drawing without pixels, which `ingest` has no reader for. Same bytes under one `svg.hashsalt`."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None}
    _on_agg(figure).savefig(buffer, format="svg", metadata=metadata, transparent=True)
    return buffer.getvalue()


def _on_agg(figure: Figure) -> Figure:
    """On a canvas that needs no screen. Imported late: who only asks `is_signed` need not wait for matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    return figure

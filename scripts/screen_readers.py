"""Readers of a line of text that `benchmark_screen.py` compares, on the same crops."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from medattngan.scans.text import weights
from medattngan.scans.text.alphabet import decode
from medattngan.scans.text.boxes import Box
from medattngan.scans.text.judge import crop
from medattngan.scans.text.lines import Line
from medattngan.scans.text.rapidocr import _reader

Grey = npt.NDArray[np.uint8]


def cropped(picture: Grey, ink: npt.NDArray[np.bool_]) -> Grey:
    """The true rectangle of a line and a quarter of its height around it, as far as the picture goes."""
    rows, columns = np.nonzero(ink)
    margin = 1 + (rows.max() - rows.min()) // 4
    top, left = max(0, rows.min() - margin), max(0, columns.min() - margin)
    return picture[top : rows.max() + margin + 1, left : columns.max() + margin + 1]


def ours(line: Grey) -> str:
    """By attention; the crop has its margin already."""
    height = line.shape[0]
    inner = round(height / 6)
    box = Box(inner, inner, max(inner + 1, height - inner), max(inner + 1, line.shape[1] - inner))
    reader = weights.reader()
    assert reader is not None
    with torch.inference_mode():
        read = reader.read(crop(line, Line(box, 1.0, 0.0, 0.0)))
    return decode(read.tokens[0].tolist())


def rapidocr(line: Grey) -> str:
    """PP-OCRv6's reader alone."""
    found = _reader()(enlarged(line), use_det=False, use_cls=False, use_rec=True)
    return str(found.txts[0]) if found.txts else ""


def tesseract(line: Grey) -> str:
    """Debian's Tesseract, told that it sees one line; it wants black on white."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.png"
        Image.fromarray(255 - enlarged(line)).save(path)
        told = subprocess.run(["tesseract", str(path), "-", "--psm", "7"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def enlarged(line: Grey) -> Grey:
    """To 48 px high at least, which both want, and grey levels from end to end."""
    scale = max(1, round(48 / line.shape[0]))
    picture = Image.fromarray(line).resize((line.shape[1] * scale, line.shape[0] * scale), Image.Resampling.BICUBIC)
    pixels = np.asarray(picture, np.float32)
    low, high = np.percentile(pixels, (0.5, 99.5))
    stretched: Grey = np.clip((pixels - low) * (255 / max(1.0, high - low)), 0, 255).astype(np.uint8)
    return stretched


def character_error(read: str, true: str) -> int:
    """Edits from one to the other (Levenshtein 1966); spaces count.

    >>> character_error("DOE JANE", "DOE^JANE"), character_error("", "abc")
    (1, 3)
    """
    row = list(range(len(true) + 1))
    for i, letter in enumerate(read, start=1):
        above, row[0] = row[0], i
        for j, other in enumerate(true, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (letter != other))
    return row[-1]


READERS: dict[str, Callable[[Grey], str]] = {
    "rapidocr": rapidocr,
    **({"ours": ours} if weights.reader() is not None else {}),
    **({"tesseract": tesseract} if shutil.which("tesseract") else {}),
}

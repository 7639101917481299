"""Text in a grey picture that may name somebody: where it is, never what it says.

PP-OCRv6 finds and reads the lines (its line of work: Du et al. 2020, arXiv:2009.09941); its weights come inside the
wheel of `rapidocr`. What was read stays in this module's local variables: it may be a name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from medattngan.core.files import UserError
from medattngan.scans.text.boxes import Box, in_line, merged
from medattngan.scans.text.markers import may_identify

MIN_SCORE = 0.6
"""The reader's own mean confidence in the letters of a line, below which it is not text."""

WORKING_PX = 736
MAX_ENLARGEMENT = 4.0
MAX_PX = 2000
"""The finder wants letters of some 10 to 60 px. The shorter side is enlarged towards WORKING_PX, by MAX_ENLARGEMENT
at most; the longer is shrunk to MAX_PX."""

MARGIN = (0.35, 1.0)
"""How far beyond a found line its box reaches, in heights of the line: above and below for tails and blur, at the
sides for letters that were not found."""


def require_reader() -> None:
    """Load the reader once.

    Raises:
        UserError: it is not installed, or a library of the system that it needs is not.
    """
    try:
        _reader()
    except ModuleNotFoundError as error:
        if error.name not in ("rapidocr", "onnxruntime"):
            raise
        raise UserError("--screen needs a reader of text; get it with pip install 'medattngan[screen]'.") from None
    except ImportError as error:
        cure = "where a graphics library is missing, install opencv-python-headless in place of opencv-python"
        raise UserError(f"--screen cannot load its reader of text ({error}); {cure}.") from None


@cache
def _reader() -> Any:
    """One reader a process, on one thread, so that what it finds does not depend on the machine's load."""
    from rapidocr import RapidOCR

    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    return RapidOCR(
        params=threads
        | {
            "Det.limit_side_len": 32,  # `_resized` has chosen the size
            "Global.text_score": 0.0,  # `find_read` looks at the score
            "Global.log_level": "critical",
        }
    )


def find_read(picture: npt.NDArray[np.uint8]) -> tuple[list[Box], list[Box]]:
    """Lines in (rows, columns) uint8 with a margin: those that may identify somebody, and surely read markers.

    From top to bottom; the first ones merged where they overlap.
    """
    resized = _resized(picture)
    scale = (picture.shape[0] / resized.shape[0], picture.shape[1] / resized.shape[1])
    found = _reader()(resized)
    sure: list[Box] = []
    unsure: list[Box] = []
    markers: list[Box] = []
    for corners, text, score in zip(
        *(() if one is None else one for one in (found.boxes, found.txts, found.scores)), strict=True
    ):
        box = _box(np.asarray(corners), scale, picture.shape)
        believed = score >= MIN_SCORE
        (sure if believed and may_identify(text) else unsure).append(box)
        if believed and not may_identify(text):
            markers.append(box)
    while beside := [box for box in unsure if any(in_line(box, other) for other in sure)]:
        sure += beside
        unsure = [box for box in unsure if box not in beside]
    return merged(sure), [box for box in markers if box in unsure]


def _resized(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    rows, columns = picture.shape
    scale = min(max(1.0, WORKING_PX / min(rows, columns)), MAX_ENLARGEMENT, MAX_PX / max(rows, columns))
    if scale == 1:
        return picture
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _box(corners: npt.NDArray[np.float64], scale: tuple[float, float], shape: tuple[int, ...]) -> Box:
    """Around four corners (x, y) in the resized picture."""
    left, top = corners.min(0) * scale[::-1]
    right, bottom = corners.max(0) * scale[::-1]
    height = min(bottom - top, right - left)  # a line may run upwards
    across, along = 1 + MARGIN[0] * height, 1 + MARGIN[1] * height
    down, sideways = (across, along) if right - left >= bottom - top else (along, across)
    return Box(
        max(0, int(np.floor(top - down))),
        max(0, int(np.floor(left - sideways))),
        min(shape[0], int(np.ceil(bottom + down))),
        min(shape[1], int(np.ceil(right + sideways))),
    )

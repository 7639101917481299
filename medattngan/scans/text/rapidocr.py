"""Text in a grey picture that may name somebody: where it is, never what it says.

PP-OCRv4 finds and reads the lines (Du et al. 2020, arXiv:2009.09941); its weights come inside the wheel of
`rapidocr-onnxruntime`. What was read stays in this module's local variables: it may be a name.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from medattngan.core.files import UserError

MIN_SCORE = 0.6
"""The reader's own mean confidence in the letters of a line, below which it is not text."""

MIN_CHARACTERS = 3
"""A line with fewer letters and digits, the words below not counted, names nobody."""

VIEW_WORDS = {
    "A", "AP", "AXIAL", "CORONAL", "DEC", "DECUBITUS", "ERECT", "EXP", "EXPIRATION", "F", "FEET", "FRONTAL", "H",
    "HEAD", "INSP", "INSPIRATION", "L", "LAO", "LAT", "LATERAL", "LEFT", "LL", "LPO", "LT", "MOBILE", "OBL", "OBLIQUE",
    "P", "PA", "PORT", "PORTABLE", "PRONE", "R", "RAO", "RIGHT", "RL", "RPO", "RT", "S", "SAGITTAL", "SEMI", "SITTING",
    "STANDING", "SUPINE", "UPRIGHT",
}  # fmt: skip
"""What technicians put on a picture to say how it was taken. It is no identifier, and readers need it."""

WORKING_PX = 736
MAX_ENLARGEMENT = 4.0
MAX_PX = 2000
"""The finder wants letters of some 10 to 60 px. The shorter side is enlarged towards WORKING_PX, by MAX_ENLARGEMENT
at most; the longer is shrunk to MAX_PX."""

MARGIN = (0.35, 1.0)
"""How far beyond a found line its box reaches, in heights of the line: above and below for tails and blur, at the
sides for letters that were not found."""

NEAR = 3.0
"""What the finder finds beside a line, so many heights away at most, is part of it, whatever was read there."""


class Box(NamedTuple):
    """Rows top to bottom and columns left to right, the ends not included."""

    top: int
    left: int
    bottom: int
    right: int


def require_reader() -> None:
    """Load the reader once.

    Raises:
        UserError: it is not installed, or a library of the system that it needs is not.
    """
    try:
        _reader()
    except ModuleNotFoundError as error:
        if error.name != "rapidocr_onnxruntime":
            raise
        raise UserError("--screen needs a reader of text; get it with pip install 'medattngan[screen]'.") from None
    except ImportError as error:
        cure = "where a graphics library is missing, install opencv-python-headless in place of opencv-python"
        raise UserError(f"--screen cannot load its reader of text ({error}); {cure}.") from None


@cache
def _reader() -> Any:
    """One reader a process, on one thread, so that what it finds does not depend on the machine's load."""
    from rapidocr_onnxruntime import RapidOCR

    reader = RapidOCR(
        intra_op_num_threads=1,
        inter_op_num_threads=1,
        det_limit_side_len=32,  # `_resized` has chosen the size
        text_score=0.0,  # `find_text` looks at the score
    )
    for name in ("RapidOCR", "OrtInferSession"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return reader


def find_text(picture: npt.NDArray[np.uint8]) -> list[Box]:
    """The lines of text in (rows, columns) uint8 that may identify somebody, from top to bottom, with a margin."""
    resized = _resized(picture)
    scale = (picture.shape[0] / resized.shape[0], picture.shape[1] / resized.shape[1])
    lines, _ = _reader()(resized)
    sure: list[Box] = []
    unsure: list[Box] = []
    for corners, text, score in lines or ():
        found = sure if score >= MIN_SCORE and may_identify(text) else unsure
        found.append(_box(np.asarray(corners), scale, picture.shape))
    while beside := [box for box in unsure if any(_in_line(box, other) for other in sure)]:
        sure += beside
        unsure = [box for box in unsure if box not in beside]
    return merged(sure)


def may_identify(text: str) -> bool:
    """Whether a line is more than a marker of side or view.

    >>> [may_identify(text) for text in ("L", "R PORTABLE", "AP 40", "DOE^JANE", "R 1961", "王伟")]
    [False, False, False, True, True, True]
    """
    words: list[str] = [word for word in re.findall(r"[^\W_]+", text) if word.upper() not in VIEW_WORDS]
    # An ideograph weighs as two letters: a name has two or three.
    return sum(1 + (character >= "\u2e80") for word in words for character in word) >= MIN_CHARACTERS


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


def merged(boxes: list[Box]) -> list[Box]:
    """Boxes that overlap, as the one box around them; sorted.

    >>> merged([Box(0, 0, 4, 4), Box(8, 8, 9, 9), Box(3, 3, 6, 6)])
    [Box(top=0, left=0, bottom=6, right=6), Box(top=8, left=8, bottom=9, right=9)]
    """
    apart: list[Box] = []
    for box in sorted(boxes):
        while touching := [other for other in apart if _overlap(box, other)]:
            apart = [other for other in apart if other not in touching]
            group = [box, *touching]
            box = Box(
                min(b.top for b in group), min(b.left for b in group),
                max(b.bottom for b in group), max(b.right for b in group),
            )  # fmt: skip
        apart.append(box)
    return sorted(apart)


def _in_line(one: Box, other: Box) -> bool:
    """Whether two boxes stand beside each other, are about as high, and are not far apart."""
    heights = sorted((one.bottom - one.top, other.bottom - other.top))
    level = min(one.bottom, other.bottom) - max(one.top, other.top)
    gap = max(one.left, other.left) - min(one.right, other.right)
    return level >= heights[0] / 2 and heights[1] <= 2 * heights[0] and gap <= NEAR * heights[0]


def _overlap(one: Box, other: Box) -> bool:
    down = one.top < other.bottom and other.top < one.bottom
    return down and one.left < other.right and other.left < one.right

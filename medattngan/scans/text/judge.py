"""Which of the detector's lines may name somebody. What was read stays in this module's local variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from itertools import groupby

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from medattngan.scans.text import weights
from medattngan.scans.text.alphabet import decode
from medattngan.scans.text.boxes import Box
from medattngan.scans.text.lines import Grey, Line, lines
from medattngan.scans.text.markers import may_identify
from medattngan.scans.text.places import along, span
from medattngan.scans.text.reader import LINE_PX, MAX_COLUMNS, STRIDE, Reader

MIN_PROBABILITY = 0.87
"""Of an island, below which it is anatomy: above it were none of 30 clean series of CT and 310 radiographs, and one of
120 volumes of IXI, cut as they are screened (`docs/benchmarks/screen.md`)."""

MIN_MARKER_PROBABILITY = 0.85
"""The same for an island of one or two letters, most of which is edge."""

MIN_LETTERED_PROBABILITY = 0.93
"""The same where one slice stops an export of a thousand: above it was none of 400 clean slices of IXI, and one above
MIN_PROBABILITY."""

MARKER_ELONGATION = 1.7
"""Three letters are longer for their height: what is shorter holds two at most, and names nobody."""

SURE = 0.8
"""Mean confidence from which what was read is believed: that it is a marker, or nothing."""

MARGIN = 0.25
"""Of the height of a line, around it, in a crop."""

COVER = (0.1, 0.4)
"""Beyond a line, across and along it, in its heights: what a box covers for the tails and letters that were not
found. Of a line that was surely read the ends are known, and the first holds for both."""

LEAST_PX = 96
"""Slices that are smaller are not looked at for letters: at 64 px anatomy is taken for them too often."""


Ends = tuple[float, float]


class Kind(Enum):
    """What a line is: a marker of side or view, or something that may name somebody."""

    MARKER = "marker"
    IDENTIFIER = "identifier"


def judged(picture: Grey, *, read: bool = True) -> list[tuple[Box, Kind]]:
    """Every line that our detector finds in (rows, columns) uint8, with the box to cover.

    Unless `read`, and where the package comes without a reader, all that is long enough may name somebody.
    """
    likely = [line for line in lines(picture[None])[0] if _likely(line)]
    reader = weights.reader() if read else None
    if reader is None:
        return [(_covering(line, picture.shape), _by_shape(line)) for line in likely]
    told = [(line, *one) for line, one in zip(likely, _readings(picture, likely, reader), strict=True)]
    return [(_covering(line, picture.shape, ends), kind) for line, kind, ends in told if kind is not None]


def lettered(pictures: Grey) -> list[bool]:
    """Whether each of (n, rows, columns) uint8 shows what looks like letters, of whatever kind."""
    if min(pictures.shape[1:]) < LEAST_PX:
        return [False] * len(pictures)
    return [any(_likely(line, MIN_LETTERED_PROBABILITY) for line in found) for found in lines(pictures)]


def _likely(line: Line, least: float = MIN_PROBABILITY) -> bool:
    marker = _by_shape(line) is Kind.MARKER
    return line.probability >= (MIN_MARKER_PROBABILITY if marker else least)


def _by_shape(line: Line) -> Kind:
    return Kind.MARKER if line.elongation < MARKER_ELONGATION else Kind.IDENTIFIER


def _readings(picture: Grey, found: Sequence[Line], reader: Reader) -> list[tuple[Kind | None, Ends | None]]:
    """For each line its kind, or None where there is nothing to read; and where it ends, as shares of its crop, where
    that is surely known."""
    told: list[tuple[Kind | None, Ends | None]] = [(None, None)] * len(found)
    crops = {at: crop(picture, line) for at, line in enumerate(found)}
    by_width = sorted(crops, key=lambda at: crops[at].shape[-1])
    for _, group in groupby(by_width, key=lambda at: crops[at].shape[-1]):
        members = list(group)
        read = reader.read(torch.cat([crops[at] for at in members]))
        for row, at in enumerate(members):
            text = decode(read.tokens[row].tolist())
            if read.confidence[row] < SURE:
                told[at] = (_by_shape(found[at]), None)
            elif text.strip():
                kind = Kind.IDENTIFIER if may_identify(text) else Kind.MARKER
                told[at] = (kind, _ends(picture, found[at], read.attention[row, : len(text)]))
    return told


def _ends(picture: Grey, line: Line, attention: Tensor) -> Ends | None:
    """Where the characters of a line end; None of one that runs askew, whose crop is no piece of the picture."""
    if line.askew:
        return None
    first, last = span(attention)
    width = _width(_turned(_part(picture, line), line))
    return first / width, min(1.0, last / width)


def crop(picture: Grey, line: Line) -> Tensor:
    """A line, level, LINE_PX high and a multiple of 32 px wide: (1, 1, 32, W) in [0, 1]."""
    part = _turned(_part(picture, line), line)
    width = _width(part)
    scaled = Image.fromarray(np.ascontiguousarray(part)).resize((width, LINE_PX), Image.Resampling.BICUBIC)
    pixels = np.asarray(scaled, np.float32) / 255
    return torch.from_numpy(np.pad(pixels, ((0, 0), (0, -width % LINE_PX)), mode="edge"))[None, None]


def _part(picture: Grey, line: Line) -> Grey:
    return _level(picture, line) if line.askew else _cut(picture, line.box, _margin(line))


def _margin(line: Line) -> int:
    return math.ceil(MARGIN * max(line.height, 4.0))


def _width(part: Grey) -> int:
    """Of a level line in its crop, before that is filled up."""
    width: int = min(MAX_COLUMNS * STRIDE[1], max(16, round(part.shape[1] * LINE_PX / part.shape[0])))
    return width


def _upwards(line: Line) -> bool:
    return line.box.bottom - line.box.top > MARKER_ELONGATION * (line.box.right - line.box.left)


def _turned(part: Grey, line: Line) -> Grey:
    """Most lines that stand are read from below."""
    return np.rot90(part, -1) if _upwards(line) else part


def _cut(picture: Grey, box: Box, margin: int) -> Grey:
    """A box and a margin around it, twice as wide at the sides; beyond its edge the picture goes on as it ends."""
    rows = np.clip(np.arange(box.top - margin, box.bottom + margin), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(box.left - 2 * margin, box.right + 2 * margin), 0, picture.shape[1] - 1)
    return picture[np.ix_(rows, columns)]


def _level(picture: Grey, line: Line) -> Grey:
    """The surroundings of a line that runs askew, turned until it is level, and cut to its height and length."""
    wide = _cut(picture, line.box, math.ceil(line.height))
    angle = line.angle_deg if abs(line.angle_deg) < 45 else line.angle_deg - math.copysign(90, line.angle_deg)
    turned = np.asarray(Image.fromarray(wide).rotate(-angle, Image.Resampling.BICUBIC))
    middle = (turned.shape[0] // 2, turned.shape[1] // 2)
    half = math.ceil((0.5 + MARGIN) * line.height)
    if abs(line.angle_deg) < 45:
        return turned[max(0, middle[0] - half) : middle[0] + half]
    return turned[:, max(0, middle[1] - half) : middle[1] + half]


def _covering(line: Line, shape: tuple[int, ...], ends: Ends | None = None) -> Box:
    box, height = line.box, line.height
    across, beyond = 1 + COVER[0] * height, 1 + COVER[0 if ends else 1] * height
    if ends:
        margin = _margin(line)
        cut = Box(box.top - margin, box.left - 2 * margin, box.bottom + margin, box.right + 2 * margin)
        box = along(cut, box, ends, upwards=_upwards(line))
    down, aside = (across, beyond) if box.right - box.left >= box.bottom - box.top else (beyond, across)
    return Box(
        max(0, math.floor(box.top - down)), max(0, math.floor(box.left - aside)),
        min(shape[0], math.ceil(box.bottom + down)), min(shape[1], math.ceil(box.right + aside)),
    )  # fmt: skip

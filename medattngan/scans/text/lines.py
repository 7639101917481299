"""Lines of text by our own detector: islands of its map, each with the crop that the reader reads.

Faint and small letters are what it is for. A line that runs askew is levelled in its crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch.nn import functional as F

from medattngan.scans.text import detector, weights
from medattngan.scans.text.boxes import Box

Grey = npt.NDArray[np.uint8]
Chances = npt.NDArray[np.float32]

ISLAND = 0.4
"""Neighbouring pixels that are text with at least this probability are one island."""

MIN_ISLAND_PX = 12.0
"""Pixels of the picture in the smallest island: an R of 6 px has 20."""

SMALL_PX = 192
"""A picture whose shorter side is below SMALL_PX is looked at enlarged too, where letters of 5 px become legible."""

TALL_PX = 600
"""A picture whose shorter side is above is looked at at half its size too: letters above 44 px were never shown in
training."""

ASKEW_DEG = 3.0
"""Lines that turn by less are as good as level."""

BLOCK = 8
"""Sides that the network takes are multiples of it."""


@dataclass(frozen=True)
class Line:
    """An island of text.

    Args:
        box: around it, in the picture.
        probability: the mean over the likelier half of the island: its edge is always in doubt.
        area: in pixels of the picture.
        angle_deg: by which it rises from left to right; 0 for what is too short to tell.
    """

    box: Box
    probability: float
    area: float
    angle_deg: float

    @property
    def length(self) -> float:
        """From end to end."""
        tall, wide = self.box.bottom - self.box.top, self.box.right - self.box.left
        return math.hypot(tall, wide) if self.askew else float(max(tall, wide))

    @property
    def height(self) -> float:
        """Of the letters, whichever way the line runs."""
        tall, wide = self.box.bottom - self.box.top, self.box.right - self.box.left
        return self.area / self.length if self.askew else float(min(tall, wide))

    @property
    def elongation(self) -> float:
        """How many heights it is long."""
        return self.length / max(1.0, self.height)

    @property
    def askew(self) -> bool:
        """Whether it runs neither along a row nor along a column."""
        return min(abs(self.angle_deg), 90 - abs(self.angle_deg)) > ASKEW_DEG


def lines(pictures: Grey) -> list[list[Line]]:
    """All islands of each of (n, rows, columns) uint8, from top to bottom; what shows at two sizes comes twice."""
    found: list[list[Line]] = [[] for _ in pictures]
    for scale in scales(pictures.shape[1:]):
        for own, one in zip(found, chances(pictures, scale), strict=True):
            own += islands(one, scale, pictures.shape[1:])
    return [sorted(own, key=lambda line: line.box) for own in found]


def scales(shape: tuple[int, ...]) -> list[float]:
    """At which sizes a picture is looked at.

    >>> scales((512, 512)), scales((64, 64)), scales((2000, 1600))
    ([1.0], [1.0, 2.0], [1.0, 0.5])
    """
    short = min(shape)
    return [1.0, *([2.0] if short < SMALL_PX else []), *([0.5] if short > TALL_PX else [])]


@torch.inference_mode()
def chances(pictures: Grey, scale: float = 1.0) -> Chances:
    """The probability of text (n, H', W') in (n, rows, columns), a value for STRIDE × STRIDE pixels at `scale`."""
    pixels = torch.from_numpy(np.array(pictures, np.float32) / 255)[:, None]
    if scale != 1:
        size = [max(1, round(side * scale)) for side in pictures.shape[1:]]
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=scale < 1).clamp(0, 1)
    rows, columns = pixels.shape[-2:]
    padded = F.pad(pixels, (0, -columns % BLOCK, 0, -rows % BLOCK), mode="replicate")
    logits = weights.detector()(padded.contiguous(memory_format=torch.channels_last))
    found: Chances = logits.sigmoid()[:, 0, : -(-rows // 2), : -(-columns // 2)].numpy()
    return found


def islands(found: Chances, scale: float, shape: tuple[int, ...]) -> list[Line]:
    """Of a map of probabilities, in pixels of a picture of `shape`."""
    labels, _ = ndimage.label(found >= ISLAND, np.ones((3, 3)))
    pixel = detector.STRIDE / scale
    result = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[place] == number
        area = float(inside.sum()) * pixel**2
        if area < MIN_ISLAND_PX:
            continue
        down, right = place
        box = Box(
            int(down.start * pixel), int(right.start * pixel),
            min(shape[0], int(np.ceil(down.stop * pixel))), min(shape[1], int(np.ceil(right.stop * pixel))),
        )  # fmt: skip
        sure = np.sort(found[place][inside])[inside.sum() // 2 :]
        result.append(Line(box, float(sure.mean()), area, _angle(inside)))
    return result


def _angle(inside: npt.NDArray[np.bool_]) -> float:
    """Of the long axis of an island in degrees, counter-clockwise; 0 where it has none."""
    rows, columns = np.nonzero(inside)
    spread = np.cov(np.stack([columns, -rows]).astype(float)) if len(rows) > 2 else np.eye(2)
    values, vectors = np.linalg.eigh(spread)
    if values[1] < 9 * max(values[0], 0.1):
        return 0.0
    x, y = vectors[:, 1] * np.sign(vectors[0, 1] or 1)
    return float(np.degrees(np.arctan2(y, x)))

"""What the pipelines make of a series, and how blocks of one series become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from medattngan.core.types import Codes
from medattngan.data.intensity import IntensityMap
from medattngan.scans.text.rapidocr import Box


@dataclass(frozen=True)
class Prepared:
    """The slices of a series: codes (count, size, size), one position and one digest each, one map for all."""

    codes: Codes
    positions_mm: list[float]
    digests: list[str]
    map: IntensityMap
    scheme: str
    plane: str
    spacing_mm: float
    sources: list[int]
    """Which piece each slice is of; -1 for one cut from all of them."""
    set_aside: list[tuple[int, str]]
    """(index of the piece, reason) of those that could not be read."""
    boxes: list[Box]
    """Where text was covered on every slice, in rows and columns of the scan."""


def joined(parts: Sequence[tuple[int, Prepared]], failed: list[tuple[int, str]]) -> Prepared:
    """Blocks of one series, in the order of their slices' places, as one."""
    position = [mm for _, part in parts for mm in part.positions_mm]
    source = [start + i for start, part in parts for i in part.sources]
    digests = [digest for _, part in parts for digest in part.digests]
    order = np.argsort(position, kind="stable").tolist()
    return replace(
        parts[0][1],
        codes=np.concatenate([part.codes for _, part in parts])[order],
        positions_mm=[position[i] for i in order],
        digests=[digests[i] for i in order],
        sources=[source[i] for i in order],
        set_aside=failed + [(start + i, reason) for start, part in parts for i, reason in part.set_aside],
    )

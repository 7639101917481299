"""Text in a grey picture: rapidocr's lines and our own, together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medattngan.scans.text.boxes import Box, merged, within
from medattngan.scans.text.judge import Kind, judged
from medattngan.scans.text.rapidocr import find_read


def find_text(picture: npt.NDArray[np.uint8]) -> list[Box]:
    """The lines of text in (rows, columns) uint8 that may identify somebody, from top to bottom, with a margin.

    Ours count where rapidocr has not read a marker of side or view: it reads plain words better.
    """
    identifiers, markers = find_read(picture)
    ours = [box for box in find_own(picture) if not any(within(box, marker) for marker in markers)]
    return merged([*identifiers, *ours])


def find_own(picture: npt.NDArray[np.uint8], *, read: bool = True) -> list[Box]:
    """Of these, what our own networks find; unless `read`, whatever it says."""
    return merged([box for box, kind in judged(picture, read=read) if kind is Kind.IDENTIFIER])

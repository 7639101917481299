"""What the user chooses about slices, and the numbers that are chosen for everyone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from medattngan.core.files import UserError
from medattngan.data.intensity import WINDOWS
from medattngan.scans.text.boxes import Box

DEFAULT_WINDOW = "soft-tissue"

PERCENTILES = (0.5, 99.5)
"""The ends of an MR volume's map."""

AIR_HU = -1024.0
"""Nothing in a patient is below this; scanners write less outside their field of view."""

SQUARE_TOLERANCE = 0.01
"""Sides of a pixel that differ by a smaller share than this are the same."""

GROUP = 16
"""So many neighbouring slices are read as two pictures: the brightest of them all, and the middle one."""

BLANK_STEP = 0.05
BLANK_SHARE = 0.02
"""A slice is blank when less than BLANK_SHARE of it differs from its median by BLANK_STEP of the map's range."""


@dataclass(frozen=True)
class Options:
    """What the user chose about the slices. `window` is (center, width) in HU, for CT only.

    `screen` is one of SCREENS (scans/text/screens.py) or None.
    `known_text` is where other slices of a series were found to have text. `classes` is, for each value of a mask
    that is wanted, the name of its class; empty for all values.
    """

    size: int
    plane: str
    window: tuple[float, float]
    screen: str | None = None
    known_text: tuple[Box, ...] = ()
    classes: tuple[tuple[int, str], ...] = ()


def parse_window(text: str | None) -> tuple[str | None, tuple[float, float]]:
    """`--window` → its name, or None, and (center, width) in HU.

    Raises:
        UserError: it is neither a known name nor CENTER,WIDTH.

    >>> parse_window("lung"), parse_window("40,350")
    (('lung', (-600.0, 1500.0)), (None, (40.0, 350.0)))
    """
    name = DEFAULT_WINDOW if text is None else text.strip().lower()
    if name in WINDOWS:
        return name, WINDOWS[name]
    try:
        center, width = (float(part) for part in name.split(","))
    except ValueError:
        center, width = math.nan, math.nan
    if not (math.isfinite(center) and math.isfinite(width) and width > 0):
        raise UserError(f"--window {text} is neither one of {', '.join(WINDOWS)} nor CENTER,WIDTH in HU, as 40,400.")
    return None, (center, width)

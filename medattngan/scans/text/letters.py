"""Slices that show what looks like letters: a network that learnt from marked films draws them, and an R tells a real
one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX
from medattngan.scans.text.judge import lettered

PIXELS_AT_ONCE = 1 << 17
"""Looked at together: 8 slices of 128 px; of 512 px each alone. The network takes 400 bytes a pixel."""


def rows_with_letters(codes: Codes, rows: Sequence[int]) -> list[int]:
    """Which `rows` of slices (n, H, W) show what looks like letters, markers of side and view among them.

    Slices are looked at from the lowest code that there is to the highest; where they use less than half of all codes,
    as HU in signed 16 bits do, from their own darkest to their brightest. By our own networks alone: it takes no extra.
    """
    found: list[int] = []
    low, high = _ends(codes, rows)
    together = max(1, PIXELS_AT_ONCE // (codes.shape[-2] * codes.shape[-1]))
    for start in range(0, len(rows), together):
        block = list(rows[start : start + together])
        shown = np.rint((np.stack([codes[row] for row in block]) - low) * (255 / (high - low))).astype(np.uint8)
        found += [row for row, one in zip(block, lettered(shown), strict=True) if one]
    return found


def _ends(codes: Codes, rows: Sequence[int]) -> tuple[float, float]:
    """The codes that are shown as black and white."""
    if not len(rows):
        return 0.0, float(CODE_MAX)
    low, high = min(int(codes[row].min()) for row in rows), max(int(codes[row].max()) for row in rows)
    return (0.0, float(CODE_MAX)) if high - low >= CODE_MAX / 2 or high == low else (float(low), float(high))

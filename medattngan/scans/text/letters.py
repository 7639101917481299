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

    Slices are looked at as they open in a viewer, from the darkest code to the brightest. By our own networks alone: no
    extra is needed.
    """
    found: list[int] = []
    together = max(1, PIXELS_AT_ONCE // (codes.shape[-2] * codes.shape[-1]))
    for start in range(0, len(rows), together):
        block = list(rows[start : start + together])
        shown = np.rint(np.stack([codes[row] for row in block]) * (255 / CODE_MAX)).astype(np.uint8)
        found += [row for row, one in zip(block, lettered(shown), strict=True) if one]
    return found

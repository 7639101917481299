"""Which frames lie at one place: positions along the normal, compared with a tolerance relative to their step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SAME_PLACE = 0.05
"""Frames closer than this share of the step between slices are at one place: an echo, a repetition, a copy."""

SAME_PLACE_PX = 0.02
"""Frames closer than this share of a pixel are at one place, whatever the step: no slices are cut so fine."""


def places(along_mm: Sequence[float], pixel_mm: float) -> npt.NDArray[np.intp]:
    """The number of each frame's place, counted along the normal.

    The step is the median of the gaps wider than SAME_PLACE_PX: that of the slices, however many frames each place has.

    Args:
        along_mm: positions of the frames.
        pixel_mm: the shorter side of a pixel.

    >>> places([0.0, 3.0, 0.001, 6.0], 1.0), places([0.0, 0.009, 0.018], 0.009)
    (array([0, 1, 0, 2]), array([0, 1, 2]))
    """
    positions = np.asarray(along_mm, float)
    order = np.argsort(positions, kind="stable")
    gaps = np.diff(positions[order])
    steps = gaps[gaps > SAME_PLACE_PX * pixel_mm]
    within = max(SAME_PLACE_PX * pixel_mm, SAME_PLACE * float(np.median(steps))) if len(steps) else np.inf
    number = np.zeros(len(positions), np.intp)
    if (gaps > within).all():  # one frame a place, as nearly always
        number[order] = np.arange(len(positions))
        return number
    count, start = 0, positions[order[0]]
    for i in order:
        if positions[i] - start > within:
            count, start = count + 1, positions[i]
        number[i] = count
    return number

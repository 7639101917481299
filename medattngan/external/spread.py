"""Whether values lie in a range as slices do that were meant for it.

An extreme value says little: one pixel that an interpolation left below 0, or one hot pixel, is no range. So shares of
the pixels decide, and where they leave a doubt, whoever brings the slices is asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

DRAWN = 1_000_000
"""Quantiles are taken of so many pixels."""

TAIL = 0.001
"""So large a share of the pixels at either end may be anything."""

LEAST_PART = 1 / 16
"""What but for its tails lies in a smaller part of a range is hardly meant for it. 12 bits in 16 are as much."""

LEAST_PART_OF_16_BITS = 1 / 2
"""12-, 14- and 15-bit values are often stored in 16 bits. The extremes of those that fill them go further than this."""


def ends(values: npt.NDArray[Any]) -> tuple[float, float]:
    """The values between which all lie but TAIL of them at each end, by a draw that is always the same."""
    flat = values.reshape(-1)
    drawn = np.random.default_rng(0).integers(0, flat.size, DRAWN) if flat.size > DRAWN else slice(None)
    lower, upper = np.quantile(flat[drawn].astype(np.float64), [TAIL, 1 - TAIL])
    return float(lower), float(upper)


def fills(values: npt.NDArray[Any], lower: float, upper: float) -> bool:
    """Whether values are spread over so much of a range that they may be meant for it.

    >>> fills(np.uint16([0, 2000, 4095]), 0, 65535), fills(np.uint16([0, 2000, 65535]), 0, 65535)
    (False, True)
    """
    least, greatest = float(values.min()), float(values.max())
    if least == greatest == lower:
        return True  # black is black in any range
    first, last = ends(values)
    part = LEAST_PART_OF_16_BITS if values.dtype.kind in "iu" and values.dtype.itemsize == 2 else LEAST_PART
    return greatest - least >= part * (upper - lower) and last - first >= LEAST_PART * (upper - lower)


def all_ones(values: npt.NDArray[Any]) -> int:
    """The greatest number of as many bits as hold these whole numbers, none negative, but for their tail.

    >>> all_ones(np.uint16([0, 4000])), all_ones(np.uint8([0]))
    (4095, 1)
    """
    return int((1 << max(1, int(np.ceil(ends(values)[1])).bit_length())) - 1)

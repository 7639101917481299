"""Voxels that are no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.types import Physical
from medattngan.scans.series import SetAside

BEYOND_ANY_UNIT = 1e36
"""No quantity that a scanner measures comes near it: the least and the greatest float, and netCDF's 9.97e36, say that
there is no value."""


def is_filling(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a finite number stands for no value.

    >>> is_filling(np.float32([-3.4028235e38, 0, 9.97e36, np.inf])).tolist()
    [True, False, True, False]
    """
    found: npt.NDArray[np.bool_] = np.isfinite(values) & (np.abs(values) >= BEYOND_ANY_UNIT)
    return found


def filled(volume: Physical) -> Physical:
    """NaN, as what lies outside a mask often is, becomes the least number, and so does what other programs fill with;
    infinity becomes the greatest or the least.

    Raises:
        SetAside: there is no number.

    >>> filled(np.float32([np.nan, 1, 2, np.inf, -3.4028235e38])).tolist()
    [1.0, 1.0, 2.0, 2.0, 1.0]
    """
    finite = np.abs(volume) < BEYOND_ANY_UNIT
    if finite.all():
        return volume
    if not finite.any():
        raise SetAside("unreadable")
    least, greatest = volume[finite].min(), volume[finite].max()
    return np.nan_to_num(np.where(is_filling(volume), np.nan, volume), nan=least, posinf=greatest, neginf=least)

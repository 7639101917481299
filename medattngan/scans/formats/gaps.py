"""Voxels that are no numbers."""

from __future__ import annotations

import numpy as np

from medattngan.core.types import Physical
from medattngan.scans.series import SetAside


def filled(volume: Physical) -> Physical:
    """NaN, as what lies outside a mask often is, becomes the least number; infinity the greatest or the least.

    Raises:
        SetAside: there is no number.

    >>> filled(np.float32([np.nan, 1, 2, np.inf])).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    finite = np.isfinite(volume)
    if finite.all():
        return volume
    if not finite.any():
        raise SetAside("unreadable")
    least, greatest = volume[finite].min(), volume[finite].max()
    return np.nan_to_num(volume, nan=least, posinf=greatest, neginf=least)

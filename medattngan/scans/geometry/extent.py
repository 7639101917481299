"""Sizes that no patient and no scanner has: a header that claims them is damaged, and would be resampled to no end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medattngan.scans.geometry.affine import FAR_MM, is_plausible
from medattngan.scans.series import Piece, SetAside

MOST_UNLIKE = 1e4
"""So many times as long as it is wide a pixel may be."""


def check_extent(affine: npt.NDArray[np.float64], shape: tuple[int, ...]) -> None:
    """Whether a volume (three axes) of this affine, voxel indices to mm, can be a scan.

    Raises:
        SetAside: it cannot.

    >>> check_extent(np.diag([1.0, 1.0, 1e9, 1.0]), (64, 64, 10))
    Traceback (most recent call last):
    medattngan.scans.series.SetAside: ('impossible-geometry', None)
    """
    with np.errstate(all="ignore"):
        sizes = np.linalg.norm(np.asarray(affine, float)[:3, :3], axis=0)
        sound = (
            is_plausible(sizes, np.asarray(affine, float)[:3, 3])
            and sizes.max() <= MOST_UNLIKE * sizes.min()
            and (sizes * np.asarray(shape, float)).max() <= FAR_MM
        )
    if not sound:
        raise SetAside("impossible-geometry")


def check_place(piece: Piece) -> None:
    """Whether a piece lies where something can lie.

    Raises:
        SetAside: it does not.
    """
    origin, spacing = ((), ()) if piece.geometry is None else (piece.geometry.origin, piece.geometry.spacing)
    place = np.asarray([*origin, piece.along_mm or 0.0, piece.thickness_mm or 0.0], float)
    pixel = np.asarray([*(piece.spacing_mm or ()), *spacing] or [1.0], float)
    if not is_plausible(pixel, place):
        raise SetAside("impossible-geometry")

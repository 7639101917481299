"""Sizes that no patient and no scanner has: a header that claims them is damaged, and would be resampled to no end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medattngan.scans.series import Piece, SetAside

LEAST_MM, MOST_MM = 1e-7, 1e4
"""A voxel from 0.1 nm (microscopy) to 10 m."""

FARTHEST_MM = 1e6
"""No scan begins a kilometre from where its scanner stands, or is as long."""

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
        ends = np.abs(np.asarray(affine, float)[:3, 3]).max()
        sound = (
            sizes.min() >= LEAST_MM
            and sizes.max() <= MOST_MM
            and sizes.max() <= MOST_UNLIKE * sizes.min()
            and max(ends, (sizes * np.asarray(shape, float)).max()) <= FARTHEST_MM
        )
    if not sound:
        raise SetAside("impossible-geometry")


def check_place(piece: Piece) -> None:
    """Whether a piece lies where something can lie.

    Raises:
        SetAside: it does not.
    """
    place = [] if piece.geometry is None else list(piece.geometry.origin)
    numbers = [*place, piece.along_mm or 0.0, piece.thickness_mm or 0.0]
    if not all(abs(number) <= FARTHEST_MM for number in numbers):  # NaN is not
        raise SetAside("impossible-geometry")
    pixel = [*(piece.spacing_mm or ()), *(() if piece.geometry is None else piece.geometry.spacing)]
    if not all(LEAST_MM <= size <= MOST_MM for size in pixel):
        raise SetAside("impossible-geometry")

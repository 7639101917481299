"""From DICOM's frame geometry (LPS) to the affine matrices of NIfTI and MONAI (RAS+), in mm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medattngan.scans.series import Geometry

EVEN_TOLERANCE = 0.05
"""Slice steps may differ by this share of the median step and still make a volume."""

SINGULAR = 1e-6
"""Axes whose unit vectors span a smaller volume than this lie in one plane."""

SIDE_MM = (1e-6, 1e4)
FAR_MM = 1e6
"""A voxel has sides of a nanometre to ten metres, in a header without a unit too, and lies within a kilometre."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def stack_affine(frames: Sequence[Geometry], thickness_mm: float | None) -> npt.NDArray[np.float64]:
    """The affine of an array (row, column, slice) whose slices are `frames`, in order.

    The third column is the mean step from slice to slice, so a tilted gantry's shear is kept. A single
    slice steps along its normal by its thickness.

    >>> stack_affine([Geometry((1, 0, 0, 0, 1, 0), (0.0, 0.0, 9.0), (2.0, 3.0))], 5.0).diagonal()
    array([0., 0., 5., 1.])
    """
    first = frames[0]
    thickness = abs(thickness_mm or 1.0)
    thickness = thickness if SIDE_MM[0] <= thickness <= SIDE_MM[1] else 1.0
    cosines = np.asarray(first.orientation, float)
    along_row, along_column = cosines[:3], cosines[3:]
    if len(frames) > 1:
        step = (np.asarray(frames[-1].origin) - np.asarray(first.origin)) / (len(frames) - 1)
    else:
        step = np.cross(along_row, along_column) * thickness
    lps = np.stack([along_column * first.spacing[0], along_row * first.spacing[1], step], axis=1)
    affine = np.eye(4)
    affine[:3, :3] = LPS_TO_RAS @ lps
    affine[:3, 3] = LPS_TO_RAS @ np.asarray(first.origin, float)
    return affine


def is_sound(affine: npt.NDArray[np.float64]) -> bool:
    """Whether an affine places every voxel: its numbers are plausible and its three axes span space.

    >>> is_sound(np.diag([1.0, 1.0, 3.0, 1.0])), is_sound(np.diag([1.0, 1.0, 0.0, 1.0]))
    (True, False)
    """
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return bool(is_plausible(lengths, affine[:3, 3]) and abs(np.linalg.det(affine[:3, :3] / lengths)) > SINGULAR)


def is_plausible(sides_mm: npt.NDArray[np.float64], place_mm: npt.NDArray[np.float64]) -> bool:
    """Whether a voxel can have these sides and lie there; what is no number cannot.

    >>> is_plausible(np.array([1.0, 1.0]), np.array([0.0, 0.0, 9.0])), is_plausible(np.array([1.0, 1e9]), np.zeros(3))
    (True, False)
    """
    sound = np.isfinite(sides_mm).all() and np.isfinite(place_mm).all()
    within = sides_mm.min() >= SIDE_MM[0] and sides_mm.max() <= SIDE_MM[1] and np.abs(place_mm).max() <= FAR_MM
    return bool(sound and within)


def is_even(positions_mm: Sequence[float]) -> bool:
    """Whether the slices are evenly spaced, so that they make a volume that can be cut in another plane."""
    steps = np.diff(np.asarray(positions_mm, float))
    if len(steps) == 0 or (steps <= 0).any():
        return False
    return bool(np.abs(steps - np.median(steps)).max() <= EVEN_TOLERANCE * np.median(steps))


def is_straight(frames: Sequence[Geometry]) -> bool:
    """Whether each slice lies where its neighbours let one expect: on the line from the first to the last, to a pixel.

    >>> there = [Geometry((1, 0, 0, 0, 1, 0), (x, 0.0, z), (2.0, 2.0)) for x, z in ((0, 0), (9, 3), (0, 6))]
    >>> is_straight(there), is_straight(there[:2])
    (False, True)
    """
    origins = np.array([frame.origin for frame in frames])
    line = np.linspace(origins[0], origins[-1], len(origins))
    return bool(np.linalg.norm(origins - line, axis=1).max() <= min(frames[0].spacing))

"""Planes: how a volume is turned so that its slices look as they do on a light box, and where each slice
lies.

Radiological convention: the viewer faces the patient, so the patient's left is on the right of the picture.
Axial slices have the nose at the top, coronal and sagittal ones the head; sagittal ones face left.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PLANES: dict[str, str] = {"axial": "PLS", "coronal": "ILA", "sagittal": "IPR"}
"""Plane → where (row, column, slice) indices grow towards. Slices run to superior, anterior, right: RAS+."""

AXIS_OF = {"R": 0, "A": 1, "S": 2}
OBLIQUE_DEG = 45.0
"""A stack counts for the plane whose normal is this close to its own; beyond it, for none (`acquired`)."""

MIN_SLICES_TO_CUT = 8
"""A volume with fewer slices is not cut across them."""


def native_plane(affine: npt.NDArray[np.float64], slice_axis: int) -> str | None:
    """The plane that a volume's own slices lie in, None where they are too oblique to say.

    Args:
        affine: (4, 4) from voxel indices to RAS+ mm.
        slice_axis: which index counts slices.

    >>> native_plane(np.diag([2.0, 2.0, 5.0, 1.0]), 2), native_plane(np.diag([5.0, 1.0, 1.0, 1.0]), 0)
    ('axial', 'sagittal')
    """
    towards = np.abs(slice_normal(affine, slice_axis))
    plane = {0: "sagittal", 1: "coronal", 2: "axial"}[int(towards.argmax())]
    return plane if towards.max() >= np.cos(np.radians(OBLIQUE_DEG)) - 1e-6 else None


def slice_normal(affine: npt.NDArray[np.float64], slice_axis: int) -> npt.NDArray[np.float64]:
    """The unit normal of the slices, on the side that the slice index grows towards. A sheared stack keeps
    it."""
    across, down = (affine[:3, axis] for axis in range(3) if axis != slice_axis)
    normal = np.cross(across, down)
    normal = normal / np.linalg.norm(normal)
    return normal if np.dot(normal, affine[:3, slice_axis]) >= 0 else -normal


def positions_mm(affine: npt.NDArray[np.float64], count: int, slice_axis: int = 2) -> npt.NDArray[np.float64]:
    """Where slices 0 … count-1 lie along their normal, in RAS+ mm.

    >>> positions_mm(np.diag([1.0, 1.0, 3.0, 1.0]), 3)
    array([0., 3., 6.])
    """
    normal = slice_normal(affine, slice_axis)
    steps: npt.NDArray[np.float64] = normal @ affine[:3, 3] + np.arange(count) * (normal @ affine[:3, slice_axis])
    return steps

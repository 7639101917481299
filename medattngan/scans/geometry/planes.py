"""Planes: how a volume is turned so that its slices look as they do on a light box, and where each slice lies.

Radiological convention: the viewer faces the patient, so the patient's left is on the right of the picture.
Axial slices have the nose at the top, coronal and sagittal ones the head; sagittal ones face left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medattngan.data.affine import AXES, PLANES

__all__ = ["CUTS", "PLANES", "native_plane", "positions_mm", "ras_side", "slice_normal", "stands_upright", "thin_axis"]

CUTS = (*PLANES, "acquired")
"""How volumes may be cut: in one plane, or as their slices were acquired."""

OBLIQUE_DEG = 45.0
"""A stack counts for the plane whose normal is this close to its own; beyond it, for none (`acquired`)."""

MIN_SLICES_TO_CUT = 8
"""A volume with fewer slices is not cut across them."""


def thin_axis(shape: Sequence[int]) -> int | None:
    """The axis that alone has fewer voxels than a volume has slices: the slices are counted along it.

    >>> thin_axis((1, 128, 128)), thin_axis((128, 128, 90)), thin_axis((128, 1, 1))
    (0, None, None)
    """
    thin = [axis for axis, count in enumerate(shape) if count < MIN_SLICES_TO_CUT]
    return thin[0] if len(thin) == 1 else None


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


def stands_upright(affine: npt.NDArray[np.float64], plane: str) -> bool:
    """Whether rows and columns (array axes 0 and 1) already grow to within OBLIQUE_DEG of where those of `plane` do.

    >>> prone = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # turned by 180 degrees
    >>> stands_upright(prone, "axial"), stands_upright(prone * [-1, -1, 1], "axial")
    (False, True)
    """
    wanted = [AXES[letter] for letter in PLANES[plane][:2]]
    near = [sign * affine[axis, i] / np.linalg.norm(affine[:3, i]) for i, (axis, sign) in enumerate(wanted)]
    return bool(min(near) >= np.cos(np.radians(OBLIQUE_DEG)) - 1e-6)


def ras_side(normal: npt.NDArray[np.float64]) -> float:
    """1 where a normal points to right, anterior or superior along its longest component, else -1.

    >>> ras_side(np.array([0.1, -0.9, 0.4]))
    -1.0
    """
    return 1.0 if normal[np.abs(normal).argmax()] > 0 else -1.0


def slice_normal(affine: npt.NDArray[np.float64], slice_axis: int) -> npt.NDArray[np.float64]:
    """The unit normal of the slices, on the side that the slice index grows towards. A sheared stack keeps it."""
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

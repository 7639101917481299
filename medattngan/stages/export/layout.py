"""How `ingest` would lay out the slices of a real series: which way they face, and how wide the field of view is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.data.affine import AXES
from medattngan.data.alike import one_spacing
from medattngan.scans.geometry.affine import LPS_TO_RAS, is_even, is_sound, stack_affine
from medattngan.scans.geometry.planes import MIN_SLICES_TO_CUT, PLANES, native_plane
from medattngan.scans.options import SQUARE_TOLERANCE
from medattngan.scans.series import Series

SQUARE = 1e-3
"""Voxel axes whose cosine is below this stand at right angles: 0.06 degrees."""


@dataclass(frozen=True)
class Cut:
    """A slice as it would be stored.

    Args:
        cosines: of a row and of a column, in LPS; None where unknown.
        field_mm: height and width before padding; None where unknown.
        thickness_mm: of a slice; None where unknown, or not the same everywhere.
    """

    cosines: Sequence[float] | None = None
    field_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None


def cut_of(stack: Series, shape: tuple[int, int], plane: str, unplaced: Sequence[float], size: int) -> Cut:
    """How the slices of `stack`, (rows, columns) = `shape` each, come out in `plane`.

    Args:
        stack: a series of DICOM frames.
        shape: of a frame.
        plane: axial, coronal or sagittal; acquired for the scan's own slices.
        unplaced: direction cosines where no position is known, or none.
        size: side of the slices that the cut becomes, in pixels.

    Raises:
        UserError: they are of another plane, and cannot be cut across.
    """
    pieces = stack.pieces
    frames = [piece.geometry for piece in pieces if piece.geometry is not None]
    thickness = one_spacing(piece.thickness_mm for piece in pieces)
    affine = stack_affine(frames, thickness) if len(frames) == len(pieces) else np.zeros((4, 4))
    if not frames or not is_sound(affine):
        spacing = pieces[0].spacing_mm
        return Cut(unplaced or None, None if spacing is None else field_mm(shape, spacing, size), thickness)
    voxels, sides = (*shape, len(pieces)), np.linalg.norm(affine[:3, :3], axis=0).tolist()
    if plane not in PLANES:
        return Cut(frames[0].orientation, field_mm(shape, sides, size), thickness)
    turned: list[float] = nib.orientations.io_orientation(affine)[:, 0].tolist()  # type: ignore[no-untyped-call]
    rows, columns = (turned.index(AXES[letter][0]) for letter in PLANES[plane][:2])
    cosines = [*_towards(affine, columns, PLANES[plane][1]), *_towards(affine, rows, PLANES[plane][0])]
    if native_plane(affine, 2) != plane:
        _require_cut(affine, voxels, [piece.along_mm or 0.0 for piece in pieces], plane)
        across = ({0, 1, 2} - {rows, columns}).pop()
        thickness = sides[across]
    return Cut(cosines, field_mm((voxels[rows], voxels[columns]), (sides[rows], sides[columns]), size), thickness)


def _require_cut(
    affine: npt.NDArray[np.float64], voxels: tuple[int, int, int], along: Sequence[float], plane: str
) -> None:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    square = np.abs(axes.T @ axes - np.eye(3)).max() < SQUARE
    if min(voxels) < MIN_SLICES_TO_CUT or not is_even(along) or not square:
        raise UserError(
            f"the slices are {plane} but --like is of another plane and cannot be cut across; give a series that is "
            f"{plane}."
        )


def field_mm(shape: Sequence[int], sides: Sequence[float], size: int) -> tuple[float, float]:
    """Height and width of slices of `shape` voxels with `sides` in mm, as they are before they are padded.

    Sides coarser than the slices will be, `size` pixels wide, are interpolated between the first and the last center,
    as `scans.pipelines.fill_between` does.

    >>> field_mm((20, 20), (1.0, 1.0), 64), field_mm((20, 20), (1.0, 3.0), 64)
    ((20.0, 20.0), (20.0, 58.0))
    """
    first, second = (float(count * side) for count, side in zip(shape, sides, strict=False))
    fine = max(min(sides[:2]), max(first, second) / size)
    height, width = (
        float((round((count - 1) * side / fine) + 1) * fine if side > fine * (1 + SQUARE_TOLERANCE) else count * side)
        for count, side in zip(shape, sides, strict=False)
    )
    return height, width


def _towards(affine: npt.NDArray[np.float64], axis: int, letter: str) -> list[float]:
    """The unit vector of a voxel axis, in LPS, on the side of `letter`."""
    anatomical, side = AXES[letter]
    vector = affine[:3, axis] / np.linalg.norm(affine[:3, axis])
    vector = vector * (1.0 if vector[anatomical] * side > 0 else -1.0)
    return [float(one) for one in LPS_TO_RAS @ vector]

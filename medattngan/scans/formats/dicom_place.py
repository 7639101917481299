"""DICOM: where a frame lies in the patient (PS3.3 C.7.6.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from medattngan.scans.formats.dicom_groups import functional, grouped
from medattngan.scans.geometry.affine import is_plausible
from medattngan.scans.series import Geometry, SetAside

UNIT_TOLERANCE = 0.01
"""Direction cosines whose length, or product, is off by more are none."""

EXACT = 1e-3
"""Cosines off by less were only rounded when written, and are taken as they are; the others are made orthonormal."""


def geometry(dataset: Dataset, frame: int, frames: int) -> Geometry | None:
    """Plane position, plane orientation and pixel measures of a frame; None unless all three are there and sound.

    Raises:
        SetAside: they are there, and put the frame where no patient is.
    """
    orientation = functional(dataset, frame, "PlaneOrientationSequence", "ImageOrientationPatient")
    # The position in a header places one frame and not many; in functional groups it may well be that of all.
    place_of = functional if frames == 1 else grouped
    origin = place_of(dataset, frame, "PlanePositionSequence", "ImagePositionPatient")
    spacing = functional(dataset, frame, "PixelMeasuresSequence", "PixelSpacing")
    cosines, place, pixel = _numbers(orientation, 6), _numbers(origin, 3), _numbers(spacing, 2)
    if cosines is None or place is None or pixel is None or not cosines.any() or pixel.min() <= 0:
        return None
    if not (np.isfinite(cosines).all() and is_plausible(pixel, place)):
        raise SetAside("impossible-geometry")
    cosines = _orthonormal(cosines)
    if cosines is None:
        return None
    a, b, c = place.tolist()
    return Geometry(tuple(cosines.tolist()), (a, b, c), (float(pixel[0]), float(pixel[1])))


def _numbers(found: Any, count: int) -> npt.NDArray[np.float64] | None:
    if not found or isinstance(found, str | float) or len(found) != count:
        return None
    return np.asarray(found, float)


def _orthonormal(cosines: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Unit vectors at right angles; None where they are too far from that to be direction cosines."""
    row, column = cosines[:3], cosines[3:]
    off = [abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(column) - 1), abs(np.dot(row, column))]
    if max(off) > UNIT_TOLERANCE:
        return None
    if max(off) <= EXACT:
        return cosines
    row = row / np.linalg.norm(row)
    column = column - row * np.dot(row, column)
    return np.concatenate([row, column / np.linalg.norm(column)])


def along(placed: Geometry) -> float:
    """Position along the normal of the slice, mm: the order of slices in a stack, whatever their numbers say."""
    cosines = np.asarray(placed.orientation)
    return float(np.dot(np.cross(cosines[:3], cosines[3:]), placed.origin))

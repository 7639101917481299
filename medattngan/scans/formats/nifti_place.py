"""Where a volume's header says that it lies, in mm; and which of its axes counts slices.

NIfTI-1 (Cox et al. 2004, nifti1.h): `sform_code` and `qform_code` say whether an affine is one of the patient, and
`xyzt_units` what it is measured in. Where both codes are 0, and in ANALYZE files, no axis has a direction in the
patient: libraries that return an affine all the same have made it up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from medattngan.scans.geometry.affine import is_sound
from medattngan.scans.geometry.planes import thin_axis
from medattngan.scans.series import SetAside

MM = {1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres in `xyzt_units`' metre, millimetre and micrometre; the unknown unit is mm, as readers of NIfTI agree."""

EXTENT_MM = (1.0, 5000.0)
"""Between these lies the longest side of a scan. What is outside has another unit than its header says."""

CUBE_TOLERANCE = 1.01
"""A voxel is longest along one axis where it is longer than its middle side by more than this factor."""


@dataclass(frozen=True)
class Place:
    """How voxel indices (i, j, k) become mm.

    Args:
        affine: (4, 4) to RAS+ mm; where the orientation is unknown, of the size of voxels alone.
        oriented: whether the axes have a direction in the patient.
        sized: whether the size of voxels is known.
    """

    affine: npt.NDArray[np.float64]
    oriented: bool = True
    sized: bool = True


def place(image: Any, shape: Sequence[int]) -> Place:
    """The place of a nibabel image whose spatial axes are of `shape`, three numbers.

    Raises:
        SetAside: the header says that it has a place, and gives none; or its size is no scan's.
    """
    affine = _affine(image, shape)
    if affine is not None:
        found = Place(affine)
    else:
        sides = _voxel_mm(image)
        sized = bool(np.isfinite(sides).all() and sides.min() > 0)
        found = Place(np.diag([*(sides if sized else np.ones(3)), 1.0]), oriented=False, sized=sized)
    longest = float((np.linalg.norm(found.affine[:3, :3], axis=0) * shape).max())
    if found.sized and not EXTENT_MM[0] <= longest <= EXTENT_MM[1]:
        raise SetAside("impossible-geometry")
    return found


def _affine(image: Any, shape: Sequence[int]) -> npt.NDArray[np.float64] | None:
    """The affine in mm that the header vouches for, None where it vouches for none."""
    header: Any = image.header
    if isinstance(header, nib.Nifti1Header):
        forms: dict[str, Any] = {"sform_code": header.get_sform, "qform_code": header.get_qform}
        given = [_form(form) for code, form in forms.items() if header[code] > 0]
        candidates = [_scaled(one, _unit_mm(header)) for one in given]
    elif isinstance(header, nib.AnalyzeHeader):
        beside = image.file_map.get("mat")
        candidates = [image.affine] if beside and beside.filename and Path(beside.filename).is_file() else []
    elif isinstance(image, nib.MGHImage):
        candidates = [image.affine] if _as_written(image, 30)[28:] == b"\0\1" else []
    else:
        candidates = [image.affine]
    if not candidates:
        return None
    sound = [one for one in (_with_a_thickness(affine, shape) for affine in candidates) if is_sound(one)]
    if not sound:
        raise SetAside("impossible-geometry")
    return sound[0]


def _form(read: Callable[[], npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """One of a header's two affines; where its quaternion is longer than 1, which is none, as unsound as it is."""
    try:
        return read()
    except ValueError:
        return np.full((4, 4), np.nan)


def _unit_mm(header: Any) -> float:
    return MM.get(int(header["xyzt_units"]) & 0x07, 1.0)


def _scaled(affine: npt.NDArray[np.float64], factor: float) -> npt.NDArray[np.float64]:
    return np.diag([factor, factor, factor, 1.0]) @ affine


def _with_a_thickness(affine: npt.NDArray[np.float64], shape: Sequence[int]) -> npt.NDArray[np.float64]:
    """An only slice needs no thickness, and headers of pictures often give none: then it is 1 mm along the normal."""
    affine = np.array(affine, np.float64)
    single = [axis for axis in range(3) if shape[axis] == 1]
    if len(single) == 1 and not np.linalg.norm(affine[:3, single[0]]) > 0:
        across, down = (affine[:3, axis] for axis in range(3) if axis != single[0])
        normal = np.cross(across, down)
        affine[:3, single[0]] = normal / max(float(np.linalg.norm(normal)), np.finfo(float).tiny)
    return affine


def _voxel_mm(image: Any) -> npt.NDArray[np.float64]:
    """The three sides of a voxel, of an image without orientation; 0 or NaN where the header does not say."""
    header = image.header
    if not isinstance(header, nib.AnalyzeHeader):
        return np.zeros(3)
    written = type(header)(_as_written(image, header.sizeof_hdr), header.endianness, check=False)
    factor = _unit_mm(header) if isinstance(header, nib.Nifti1Header) else 1.0
    sides: npt.NDArray[np.float64] = np.abs(written["pixdim"][1:4].astype(np.float64)) * factor
    sides[2] = 1.0 if written["dim"][0] < 3 and not sides[2] > 0 else sides[2]
    return sides


def _as_written(image: Any, count: int) -> bytes:
    """The first bytes of a header. nibabel's own were mended: a side of 0 is 1 there, and no place is the usual one."""
    holder = image.file_map.get("header", image.file_map["image"])
    with holder.get_prepare_fileobj("rb") as file:
        return bytes(file.read(count))


def slice_axis(image: Any, shape: Sequence[int], affine: npt.NDArray[np.float64]) -> int:
    """The axis that the scanner stepped along: an only short one, else as the header says, else that of the thickest
    voxel, else the one stored slowest.

    An axis of few voxels is never across a picture, whatever the header says: one slice taken out of a volume keeps
    the header of the volume.
    """
    if (short := thin_axis(shape)) is not None:
        return short
    single = [axis for axis in range(3) if shape[axis] == 1]
    if len(single) == 1:
        return single[0]
    if isinstance(image.header, nib.Nifti1Header):
        header: Any = image.header
        if header.get_dim_info()[2] is not None:
            return int(header.get_dim_info()[2])
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if sizes.max() > CUBE_TOLERANCE * np.median(sizes):
        return int(np.argmax(sizes))
    return 0 if isinstance(image, nib.Minc1Image) else 2

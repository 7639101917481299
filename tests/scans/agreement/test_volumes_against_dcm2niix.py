"""Orientation, place and order of every real DICOM stack, against dcm2niix's, as volumes in the patient."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from helpers.real_scans import DCM2NIIX, folders, found

from medattngan.scans.find import stacks
from medattngan.scans.formats.table import formats
from medattngan.scans.geometry.affine import is_even
from medattngan.scans.series import Series, SetAside
from medattngan.stages.ingest.worker import quiet

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DCM2NIIX is None, reason="dcm2niix is not installed (the dev extra)"),
]

Volume: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Voxels, and the affine to RAS+ mm."""

TOLERANCE_MM = 0.01
AT_LEAST = 20
"""Stacks that pydicom alone brings, so that a search which finds nothing fails."""

EXPLAINED = {"J2K_pixelrep_mismatch.dcm"}
"""Its header says signed and its JPEG 2000 codestream unsigned: dcm2niix believes the codestream; SimpleITK reads the
values that are read here."""


@pytest.fixture(autouse=True)
def without_warnings() -> Iterator[None]:
    """Old test files break rules that readers warn about."""
    with quiet():
        yield


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_stacks_lie_in_the_patient_as_dcm2niix_puts_them(folder: Path, tmp_path: Path) -> None:
    compared, wrong = 0, []
    for number, series in enumerate(_placed(folder)):
        try:
            ours = _ours(series)
        except SetAside:
            continue
        theirs = _theirs(series, tmp_path / str(number))
        if not theirs:
            continue  # dcm2niix reads fewer kinds of objects
        compared += 1
        stepped = is_even([piece.along_mm or 0.0 for piece in series.pieces])
        if not any(_alike(ours, other, stepped) for other in theirs) and series.pieces[0].path.name not in EXPLAINED:
            wrong.append(f"{series.pieces[0].path.name}: {ours[0].shape} against {[t[0].shape for t in theirs]}")
    assert wrong == []
    assert compared >= (AT_LEAST if folder.parent.name == "pydicom" else 0)


def _placed(folder: Path) -> list[Series]:
    """Every stack of frames whose place in the patient is known."""
    series = stacks(list(found("dicom", folder)), None, window=False)
    return [one for one in series if all(piece.geometry is not None for piece in one.pieces)]


def _ours(series: Series) -> Volume:
    volume, meta = formats()[series.format].load(series.pieces)
    return volume.astype(np.float64), np.asarray(meta["affine"], np.float64)


def _theirs(series: Series, work: Path) -> list[Volume]:
    """What dcm2niix makes of the files of a series, each 3-D volume by itself."""
    (work / "in").mkdir(parents=True)
    (work / "out").mkdir()
    for i, path in enumerate(sorted({piece.path for piece in series.pieces})):
        shutil.copyfile(path, work / "in" / f"{i:05d}.dcm")
    command = [str(DCM2NIIX), "-z", "n", "-b", "n", "-f", "%s_%d", "-o", str(work / "out"), str(work / "in")]
    subprocess.run(command, capture_output=True, timeout=120, check=False)
    volumes = []
    for path in sorted((work / "out").glob("*.nii")):
        image = nib.load(path)
        data = np.asarray(image.dataobj, np.float64)
        if data.ndim < 2:
            continue
        data = data.reshape(*data.shape[:2], -1) if data.ndim < 4 else data
        many = [data] if data.ndim == 3 else [data[..., t] for t in range(data.shape[3])]
        volumes += [(one, np.asarray(image.affine)) for one in many]
    return volumes


def _without_step(affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """An affine whose third column is the unit normal of the slices."""
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    side = np.sign(normal @ affine[:3, 2])
    return np.column_stack([affine[:, :2], [*(side * normal / np.linalg.norm(normal)), 0.0], affine[:, 3]])


def _alike(ours: Volume, theirs: Volume, stepped: bool) -> bool:
    """Whether two volumes are one in the patient: turned to the same axes, equal in place and in values.

    Args:
        stepped: whether the slices have one step; a single slice has none (dcm2niix takes Spacing Between Slices), and
            of uneven slices each takes another.
    """
    if not stepped:
        ours, theirs = (ours[0], _without_step(ours[1])), (theirs[0], _without_step(theirs[1]))
    a, b = (nib.as_closest_canonical(nib.Nifti1Image(volume, affine)) for volume, affine in (ours, theirs))
    if a.shape != b.shape or not np.allclose(a.affine, b.affine, atol=TOLERANCE_MM):
        return False
    values, others = (np.asarray(image.dataobj, np.float64) for image in (a, b))
    spread = float(np.ptp(others)) or 1.0
    # Padding becomes the least value of the image here, so that a share of the voxels may differ; their order cannot.
    near = np.abs(values - others) <= 1e-4 * spread
    return bool(near.mean() > 0.7)

"""Slices of stacks that the tests write lie where dcm2niix and SimpleITK put them, in the same order."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from helpers.mosaics import write_mosaic
from helpers.real_scans import DCM2NIIX
from helpers.scan_files import texture, write_dicom
from helpers.stacks_in_files import found, write_stacks

from medattngan.scans.formats.dicom_pixels import load
from medattngan.scans.geometry.affine import LPS_TO_RAS
from medattngan.stages.ingest.worker import quiet

pytestmark = pytest.mark.slow

needs_dcm2niix = pytest.mark.skipif(DCM2NIIX is None, reason="dcm2niix is not installed")

Volume = tuple[npt.NDArray[Any], npt.NDArray[np.float64]]
"""Voxels and affine, RAS+ mm, of axes as near to those of the patient as turning and mirroring makes them."""


def canonical(voxels: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> Volume:
    image = nib.as_closest_canonical(nib.Nifti1Image(np.asarray(voxels, np.float32), affine))
    return np.asarray(image.dataobj), image.affine


def ours(folder: Path) -> list[Volume]:
    volumes = []
    for series in found(folder):
        if len(series.pieces) > 1 and series.format == "dicom" and series.pieces[0].geometry is not None:
            with quiet():
                voxels, meta = load(series.pieces)
            volumes.append(canonical(voxels, meta["affine"]))
    return volumes


def theirs(folder: Path, out: Path) -> list[Volume]:
    """What dcm2niix makes of a folder, one volume a time point, tilted ones as they are."""
    out.mkdir()
    command = [str(DCM2NIIX), "-b", "y", "-f", "%s_%t_%p", "-w", "2", "-o", str(out), str(folder)]
    subprocess.run(command, check=False, capture_output=True)
    volumes = []
    for path in sorted(out.glob("*.nii")):
        if "Tilt" in path.name:
            continue
        image = nib.load(path)
        voxels = np.asarray(image.dataobj)
        if voxels.dtype.names:  # in colour
            continue
        for t in range(voxels.shape[3] if voxels.ndim == 4 else 1):
            volumes.append(canonical(voxels[..., t] if voxels.ndim == 4 else voxels, image.affine))
    return volumes


def assert_same(mine: list[Volume], other: list[Volume], tilted: bool = False) -> None:
    assert len(mine) == len(other) > 0
    left = list(other)
    for voxels, affine in mine:
        same = [i for i, (those, _) in enumerate(left) if np.array_equal(voxels, those)]
        assert same, "no volume of the other reader has these voxels in this order"
        _, there = left.pop(same[0])
        if not tilted:  # dcm2niix writes the affine of an untilted scan beside what it does not correct
            corners = np.array([[0, 0, 0, 1], [n - 1 for n in voxels.shape] + [1]]).T
            assert (affine @ corners)[:3] == pytest.approx((there @ corners)[:3], abs=0.01)


@needs_dcm2niix
@pytest.mark.parametrize("facing", [1, -1])
def test_mosaics_agree_with_dcm2niix(tmp_path: Path, facing: int) -> None:
    for t in range(3):
        volume = np.rint(texture((20, 12, 16), t, 100, 900)).astype(np.uint16)
        said = {"AcquisitionNumber": t + 1, "InstanceNumber": t + 1, "AcquisitionTime": f"10000{t}"}
        write_mosaic(tmp_path / "scan" / f"{t}.dcm", volume, facing=facing, PatientPosition="HFS", **said)
    assert_same(ours(tmp_path / "scan"), theirs(tmp_path / "scan", tmp_path / "out"))


@needs_dcm2niix
@pytest.mark.parametrize(
    "turned", [[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1], [0.96, 0.28, 0, -0.168, 0.576, 0.8]]
)
def test_stacks_of_several_times_agree_with_dcm2niix(tmp_path: Path, turned: list[float]) -> None:
    normal = np.cross(turned[:3], turned[3:])

    def said(t: int, k: int) -> dict[str, Any]:
        return {
            "TemporalPositionIdentifier": t + 1,
            "AcquisitionNumber": t + 1,
            "InstanceNumber": 1 + t * 9 + k,
            "ImageOrientationPatient": [float(v) for v in turned],
            "ImagePositionPatient": [float(v) for v in normal * 3.0 * k + [5.0, -7.0, 11.0]],
            "PatientPosition": "HFS",
        }

    write_stacks(tmp_path / "scan", 3, 9, said)
    assert_same(ours(tmp_path / "scan"), theirs(tmp_path / "scan", tmp_path / "out"))


@needs_dcm2niix
@pytest.mark.parametrize("degrees", [25, -20])
def test_slices_of_a_tilted_gantry_agree_with_dcm2niix_in_order(tmp_path: Path, degrees: float) -> None:
    cos, sin = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    for k, number in enumerate(np.random.default_rng(0).permutation(12)):
        write_dicom(
            tmp_path / "scan" / f"{number}.dcm",
            np.rint(texture((16, 16), k)).astype(np.int16),
            InstanceNumber=int(number) + 1,
            ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, cos, sin],
            ImagePositionPatient=[0.0, 0.0, 3.0 * k],
            GantryDetectorTilt=degrees,
            PatientPosition="HFS",
        )
    assert_same(ours(tmp_path / "scan"), theirs(tmp_path / "scan", tmp_path / "out"), tilted=True)


def test_stacks_agree_with_simpleitk(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    turned = [0.96, 0.28, 0, -0.168, 0.576, 0.8]
    normal = np.cross(turned[:3], turned[3:])

    def said(t: int, k: int) -> dict[str, Any]:
        there = [float(v) for v in normal * 3.0 * k + [5.0, -7.0, 11.0]]
        return {"ImageOrientationPatient": turned, "ImagePositionPatient": there, "PixelSpacing": [1.5, 2.0]}

    write_stacks(tmp_path, 1, 9, said)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    (series,) = found(tmp_path)
    voxels, meta = load(series.pieces)
    assert np.array_equal(np.moveaxis(voxels, -1, 0), sitk.GetArrayFromImage(image))
    for k, row, column in ((0, 0, 0), (8, 0, 0), (4, 11, 3)):
        there = image.TransformIndexToPhysicalPoint((column, row, k))
        assert (meta["affine"] @ [row, column, k, 1])[:3] == pytest.approx(LPS_TO_RAS @ there, abs=1e-4)

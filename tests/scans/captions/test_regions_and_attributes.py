"""Regions by the plane in which a slice lies, attributes by closed lists."""

from __future__ import annotations

import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.scan_files import texture, write_dicom, write_nifti

from medattngan.core.files import UserError
from medattngan.scans.captions.attributes import attributes, weighting
from medattngan.scans.captions.regions import Areas, read_areas, read_regions
from medattngan.scans.geometry.planes import positions_mm
from medattngan.scans.series import Piece, Series

RECIPE = "suffix: _seg.nii.gz\nleast_mm2: 5\nregions:\n  thalamus: [2, 3]\n  brain stem: 7\n"


def recipe(folder: Path, text: str = RECIPE) -> Path:
    path = folder / "regions.yaml"
    path.write_text(text)
    return path


def labels() -> np.ndarray:
    """12 × 10 × 8: label 2 left and 3 right in planes 3 and 4 from below, label 7 in plane 1."""
    volume = np.zeros((12, 10, 8), np.int16)
    volume[2:5, 4:6, 3:5], volume[7:10, 4:6, 3:5] = 2, 3
    volume[5:7, 2:4, 1] = 7
    return volume


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR", "SLA"])
def test_areas_are_those_of_the_body_s_planes_however_the_map_is_stored(tmp_path: Path, axes: str) -> None:
    write_nifti(tmp_path / "a_seg.nii.gz", labels(), axes, (2.0, 2.0, 3.0))
    regions = read_regions(recipe(tmp_path))
    areas = read_areas(tmp_path / "a_seg.nii.gz", regions.values)
    assert areas is not None
    assert areas.at("axial", 9.0) == {"thalamus": 12 * 4.0, "brain stem": 0.0}
    assert areas.at("axial", 3.0) == {"thalamus": 0.0, "brain stem": 4 * 4.0}
    assert areas.at("axial", 3.0 + 1.4) == areas.at("axial", 3.0)  # the nearest plane
    assert areas.at("sagittal", 2 * 3.0) == {"thalamus": 4 * 6.0, "brain stem": 0.0}
    assert areas.at("coronal", 2 * 4.0) == {"thalamus": 12 * 6.0, "brain stem": 0.0}
    assert areas.at("axial", 100.0) is None
    assert areas.at("acquired", 9.0) is None
    assert areas.at("axial", math.nan) is None


def test_areas_of_a_tilted_map_are_found_where_the_slices_of_its_scan_lie() -> None:
    """A store's positions run along the slices' normal, and not along an axis of the body."""
    turned, tilt = np.eye(4), np.radians(15)
    turned[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    shifted = np.eye(4)
    shifted[:3, 3] = -90, -120, -70
    affine = turned @ np.diag([2.0, 2.0, 3.0, 1.0]) @ shifted
    by_axis = np.zeros((8, 1))
    by_axis[5] = 40.0
    areas = Areas(("thalamus",), (by_axis,) * 3, affine)
    for axis, plane in enumerate(("sagittal", "coronal", "axial")):
        found = [areas.at(plane, position) for position in positions_mm(affine, 8, axis)]
        assert [one and one["thalamus"] for one in found] == [0, 0, 0, 0, 0, 40, 0, 0]


def test_regions_are_named_in_the_order_of_the_recipe_and_small_ones_are_not(tmp_path: Path) -> None:
    regions = read_regions(recipe(tmp_path))
    assert regions.say({"thalamus": 9.0, "brain stem": 9.0}, "axial", "MR") == "axial MR, thalamus and brain stem"
    assert regions.say({"thalamus": 9.0, "brain stem": 4.9}, "axial", "MR") == "axial MR, thalamus"
    assert regions.say({}, "axial", "MR") == "axial MR"


def test_there_may_be_no_map_and_a_map_of_no_labels_is_refused(tmp_path: Path) -> None:
    values = read_regions(recipe(tmp_path)).values
    assert read_areas(tmp_path / "none.nii.gz", values) is None
    nib.Nifti1Image(texture((8, 8, 8)).astype(np.float32), np.eye(4)).to_filename(tmp_path / "scan.nii.gz")
    with pytest.raises(UserError, match="is no map of labels"):
        read_areas(tmp_path / "scan.nii.gz", values)
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(UserError, match="cannot be read as a map of labels"):
        read_areas(tmp_path / "broken.nii.gz", values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("regions: [1, 2]", "needs a section `regions`"),
        ("regions:\n  a: one", r"regions\.a is 'one'; give whole numbers"),
        ("regions:\n  a: 1\nmask: x", "mask is not a key; allowed here: masks, suffix"),
        ("regions:\n  a: 1\nmasks: nowhere", "there is no folder"),
        ("regions:\n  a: 1\ncaption: '{patient}'", r"caption may hold \{plane\}"),
        ("regions:\n  a: 1\nleast_mm2: -1", "least_mm2 is -1"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_regions(recipe(tmp_path, text))


def series(path: Path, modality: str = "MR") -> Series:
    piece = Piece(path, path.name, 0, "p", "s", modality, (0, ""))
    return Series("dicom", "frames", modality, "p", "s", (piece,))


def test_attributes_are_of_closed_lists_and_no_header_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    pixels = texture((16, 16)).astype(np.int16)
    write_dicom(
        path, pixels, Modality="MR", BodyPartExamined="CSPINE", ScanningSequence=["SE", "IR"], RepetitionTime=9000,
        EchoTime=110, InversionTime=2500, PatientName="Kanarie", SeriesDescription="Kanarie",
    )  # fmt: skip
    said = attributes(series(path), "sagittal", 1.0, (0.0, 9.0))
    assert said == "sagittal mr cervical spine FLAIR spin echo inversion recovery left third"
    planted = tmp_path / "b.dcm"
    write_dicom(planted, pixels, Modality="MR", BodyPartExamined="KANARIE", ScanningSequence="RM")
    assert attributes(series(planted), "acquired", math.nan, (0.0, 9.0)) == "mr"
    (tmp_path / "c.dcm").write_bytes(b"no dicom")
    assert attributes(series(tmp_path / "c.dcm", "KANARIE"), "axial", 8.0, (0.0, 9.0)) == "axial upper third"


def test_weighting_is_said_only_where_times_leave_no_doubt() -> None:
    nan = math.nan
    assert [weighting(*times) for times in ((nan, nan, nan), (1500, 50, nan), (9000, 90, 100))] == ["", "", "T2"]

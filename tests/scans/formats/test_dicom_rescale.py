"""Stored numbers become Hounsfield units where, and only where, the header says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.read_scans import RADIOGRAPH, assert_values, read, read_all
from helpers.scan_files import AXIAL, texture, write_dicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, EnhancedMRImageStorage

from medattngan.external.dicom import read_frames

STORED = np.rint(texture((16, 16), 0, 20, 1000)).astype(np.uint16)


@pytest.mark.parametrize(
    ("attributes", "slope", "intercept"),
    [
        ({"RescaleIntercept": None, "RescaleSlope": 2}, 2, 0),
        ({"RescaleIntercept": -1024, "RescaleSlope": None}, 1, -1024),
        ({"RescaleIntercept": "", "RescaleSlope": 2}, 2, 0),
        ({"RescaleIntercept": -1024, "RescaleSlope": ""}, 1, -1024),
        ({"RescaleIntercept": -1024, "RescaleSlope": 0.5, "RescaleType": "HU"}, 0.5, -1024),
        ({"RescaleIntercept": -1024, "RescaleSlope": 1, "RescaleType": " hu "}, 1, -1024),
        ({"RescaleSlope": -1, "RescaleIntercept": 900}, -1, 900),
    ],
)
def test_slope_and_intercept_count_each_alone(
    tmp_path: Path, attributes: dict[str, Any], slope: float, intercept: float
) -> None:
    write_dicom(tmp_path / "a", STORED, **attributes)
    prepared = read(tmp_path)
    assert (prepared.map.unit, prepared.scheme) == ("HU", "window")
    assert_values(prepared, STORED * float(slope) + intercept)


@pytest.mark.parametrize("kind", ["US", "OD", "HU_MOD", "Z_EFF", "ED", "EDW", "MGML", "PCT"])
def test_a_ct_whose_rescale_type_is_not_hounsfield_has_a_unit_and_a_range_of_its_own(tmp_path: Path, kind: str) -> None:
    write_dicom(tmp_path / "a", STORED, RescaleSlope=3, RescaleIntercept=5, RescaleType=kind)
    prepared = read(tmp_path)
    assert (prepared.map.unit, prepared.scheme) == ("a.u.", "full-range")
    assert (prepared.map.lower, prepared.map.upper) == (STORED.min() * 3 + 5, STORED.max() * 3 + 5)


@pytest.mark.parametrize(
    "attributes",
    [
        {"RescaleSlope": None, "RescaleIntercept": None},
        {"MultienergyCTAcquisition": "YES"},
        {"Modality": "MR", "RescaleSlope": 2},
        {"Modality": "PT", "RescaleSlope": 2, "Units": "BQML"},
        {"RescaleSlope": 2, **RADIOGRAPH},
    ],
)
def test_nothing_else_is_taken_for_hounsfield_units(tmp_path: Path, attributes: dict[str, Any]) -> None:
    write_dicom(tmp_path / "a", STORED, **attributes)
    assert read(tmp_path).map.unit == "a.u."


def test_slices_of_two_rescale_types_are_two_stacks(tmp_path: Path) -> None:
    for k, kind in enumerate(["Z_EFF", "HU_MOD"] * 3):
        write_dicom(tmp_path / str(k), STORED + k, RescaleType=kind, ImagePositionPatient=[0.0, 0.0, 3.0 * k])
    assert [len(one.codes) for one in read_all(tmp_path)] == [3, 3]


def test_hounsfield_units_are_those_of_whatever_scanned_them(tmp_path: Path) -> None:
    """As of a cone beam that calls itself XA."""
    write_dicom(tmp_path / "a", STORED, Modality="XA", RescaleIntercept=-500, RescaleType="HU")
    prepared = read(tmp_path)
    assert (prepared.map.unit, prepared.scheme) == ("HU", "window")
    assert_values(prepared, STORED - 500.0)


def test_hounsfield_units_are_not_turned_over_for_being_shown_white_on_black(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", STORED, RescaleIntercept=-500, PhotometricInterpretation="MONOCHROME1")
    assert_values(read(tmp_path), STORED - 500.0)


def test_the_slices_of_a_pet_are_rescaled_each_by_its_own_slope(tmp_path: Path) -> None:
    slopes = [1.0, 3.5, 0.25]
    for i, slope in enumerate(slopes):
        place = {"ImagePositionPatient": [0.0, 0.0, 3.0 * i], "InstanceNumber": i}
        write_dicom(tmp_path / str(i), np.roll(STORED, i, 1), Modality="PT", RescaleSlope=slope, **place)
    assert_values(read(tmp_path), np.stack([np.roll(STORED, i, 1) * slope for i, slope in enumerate(slopes)]))


def test_slices_in_hounsfield_units_and_others_are_two_stacks(tmp_path: Path) -> None:
    for i in range(6):
        kind = {"RescaleType": "HU" if i < 4 else "US"}
        write_dicom(tmp_path / str(i), np.roll(STORED, i), ImagePositionPatient=[0.0, 0.0, 3.0 * i], **kind)
    found = {part.map.unit: len(part.codes) for part in read_all(tmp_path)}
    assert found == {"HU": 4, "a.u.": 2}


def enhanced(path: Path, kind: str | None, sop: str, modality: str, shared: bool) -> None:
    """Two frames whose slope and intercept stand in functional groups, and none at the top."""
    groups = []
    for i in range(2):
        group, place, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0.0, 0.0, 4.0 * i]
        group.PlanePositionSequence = Sequence([place])
        values.RescaleSlope, values.RescaleIntercept = 2, -100
        if kind is not None:
            values.RescaleType = kind
        if not shared:
            group.PixelValueTransformationSequence = Sequence([values])
        groups.append(group)
    common, plane, measures = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient, measures.PixelSpacing = list(AXIAL), [1.5, 1.5]
    common.PlaneOrientationSequence, common.PixelMeasuresSequence = Sequence([plane]), Sequence([measures])
    if shared:
        common.PixelValueTransformationSequence = Sequence([values])
    mapping = Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 77.0, 7.0
    common.RealWorldValueMappingSequence = Sequence([mapping])
    absent = ("RescaleSlope", "RescaleIntercept", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing")
    write_dicom(
        path,
        np.stack([STORED, STORED[::-1]]),
        SOPClassUID=sop,
        Modality=modality,
        NumberOfFrames=2,
        SharedFunctionalGroupsSequence=Sequence([common]),
        PerFrameFunctionalGroupsSequence=Sequence(groups),
        RealWorldValueMappingSequence=Sequence([mapping]),
        **dict.fromkeys(absent),
    )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    ("kind", "modality", "unit"),
    [("HU", "CT", "HU"), (None, "CT", "HU"), ("US", "CT", "a.u."), ("US", "MR", "a.u."), (None, "MR", "a.u.")],
)
def test_an_enhanced_image_is_rescaled_by_its_functional_groups_and_by_no_real_world_value(
    tmp_path: Path, kind: str | None, modality: str, unit: str, shared: bool
) -> None:
    sop = EnhancedCTImageStorage if modality == "CT" else EnhancedMRImageStorage
    enhanced(tmp_path / "a", kind, sop, modality, shared)
    prepared = read(tmp_path)
    assert prepared.map.unit == unit
    assert_values(prepared, np.stack([STORED, STORED[::-1]]) * 2.0 - 100)


@pytest.mark.parametrize(("kind", "unit"), [("HU", "HU"), ("US", "a.u."), ("OD", "a.u.")])
@pytest.mark.parametrize("packed", [True, False])
def test_a_modality_table_has_its_own_unit_and_the_sign_of_the_pixels(
    tmp_path: Path, kind: str, unit: str, packed: bool
) -> None:
    stored = np.rint(texture((16, 16), 0, -100, 100)).astype(np.int16)
    item, table = Dataset(), (np.arange(256) * 7 % 3001).astype("<u2")
    item.LUTDescriptor, item.ModalityLUTType = [256, 65536 - 128, 12], kind
    item["LUTDescriptor"].VR = "US"
    item.LUTData = table.tobytes() if packed else table.tolist()
    item["LUTData"].VR = "OW" if packed else "US"
    extra = {"RescaleSlope": None, "RescaleIntercept": None, "ModalityLUTSequence": Sequence([item])}
    write_dicom(tmp_path / "a", stored, **extra)
    prepared = read(tmp_path)
    assert prepared.map.unit == unit
    assert_values(prepared, table[stored + 128].astype(float))


def test_what_is_given_to_be_judged_has_the_unit_that_ingest_would_find(tmp_path: Path) -> None:
    write_dicom(tmp_path / "hu.dcm", STORED, RescaleSlope=None, RescaleIntercept=-1024)
    write_dicom(tmp_path / "us.dcm", STORED, RescaleType="US")
    assert read_frames([tmp_path / "hu.dcm"], tmp_path)[1]["unit"] == "HU"
    assert read_frames([tmp_path / "us.dcm"], tmp_path)[1]["unit"] == "a.u."

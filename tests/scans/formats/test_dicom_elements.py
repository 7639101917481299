"""One odd value costs no more than itself: it is read, it is absent, or it sets the file aside and says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.read_scans import assert_values, found_in, read, with_raw
from helpers.scan_files import texture, write_dicom
from pydicom.datadict import tag_for_keyword

from medattngan.scans.formats.dicom import HEADER_TAGS
from medattngan.scans.formats.dicom_elements import NEEDED, TEXT_NUMBERS, _kind, plain_numbers

VALUES = np.rint(texture((16, 16), 0, -900, 900)).astype(np.int16)


def write(folder: Path, keyword: str, value: bytes, vr: str = "DS") -> Path:
    """A CT slice with one element as given."""
    dataset = write_dicom(folder / "a", VALUES)
    with_raw(dataset, folder / "a", tag_for_keyword(keyword) or 0, vr, value)
    return folder


@pytest.mark.parametrize(
    ("keyword", "value", "vr"),
    [
        ("SliceThickness", b"3,0", "DS"),
        ("SliceThickness", b"3.0 mm", "DS"),
        ("SliceThickness", b"three", "DS"),
        ("SliceThickness", b"3\\4", "DS"),
        ("InstanceNumber", b"IM01", "IS"),
        ("InstanceNumber", b"1.5", "IS"),
        ("InstanceNumber", b"99999999999999999999999", "IS"),
        ("WindowCenter", b"N/A", "DS"),
        ("WindowWidth", b"NaN\\1", "DS"),
        ("WindowCenter", b"40,0\\50,0", "DS"),
        ("EchoTime", b"-", "DS"),
        ("DiffusionBValue", b"b1000", "LO"),
        ("PixelPaddingValue", b"none", "LO"),
        ("PixelPaddingRangeLimit", b"\x01", "US"),
        ("HighBit", b"?", "LO"),
        ("PixelAspectRatio", b"one\\one", "IS"),
        ("ImagerPixelSpacing", b"unknown", "DS"),
        ("SmallestImagePixelValue", b"\x01\x02\x03", "US"),
        ("LargestImagePixelValue", b"high", "LO"),
        ("NumberOfFrames", b"\0", "IS"),
        ("RescaleIntercept", b"\0\0", "DS"),
        ("RescaleSlope", b"1,0", "DS"),
        ("RescaleSlope", b"1.0\0", "DS"),
        ("RescaleSlope", b" 1\\1.0 ", "DS"),
        ("RescaleSlope", b"1", "LO"),
        ("Rows", b"16", "DS"),
        ("BitsStored", b"16.0", "DS"),
        ("RescaleIntercept", b"0 HU", "DS"),
        ("PixelSpacing", b"2,0\\2,0", "DS"),
        ("PixelSpacing", b"2.0, 2.0", "DS"),
        ("PixelSpacing", b"2.0,2.0", "LO"),
        ("PixelSpacing", b"2,0;2,0", "DS"),
        ("PixelSpacing", b"2.0 mm\\2.0 mm", "DS"),
        ("ImagePositionPatient", b"0,0\\0,0\\0,0", "DS"),
        ("ImageOrientationPatient", b"1,0,0,0,1,0", "DS"),
        ("BitsStored", b"16", "IS"),
        ("PhotometricInterpretation", b"monochrome2\0", "CS"),
    ],
)
def test_a_value_that_is_not_needed_or_plainly_meant_costs_nothing(
    tmp_path: Path, keyword: str, value: bytes, vr: str
) -> None:
    prepared = read(write(tmp_path, keyword, value, vr))
    assert_values(prepared, VALUES)
    assert (prepared.map.unit, prepared.plane, prepared.spacing_mm) == ("HU", "axial", 2.0)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RescaleSlope", b"N/A"),
        ("RescaleSlope", b"0"),
        ("RescaleSlope", b"NaN"),
        ("RescaleSlope", b"1\\2"),
        ("RescaleSlope", b"1,000"),
        ("RescaleIntercept", b"-1,024"),
        ("RescaleIntercept", b"inf"),
        ("PixelSpacing", b"0.5"),
        ("PixelSpacing", b"1,5"),
        ("PixelSpacing", b"a\\b"),
        ("PixelSpacing", b"0.5 cm\\0.5 cm"),
        ("Rows", b"sixteen"),
        ("NumberOfFrames", b"-1"),
    ],
)
def test_a_value_that_is_needed_and_no_number_sets_the_file_aside_and_says_so(
    tmp_path: Path, keyword: str, value: bytes
) -> None:
    (file,) = found_in(write(tmp_path, keyword, value))
    assert file.reason == "bad-value"


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_a_place_that_is_no_number_is_no_place(tmp_path: Path, keyword: str) -> None:
    prepared = read(write(tmp_path, keyword, b"0\\0\\nan"))
    assert prepared.plane == "acquired"
    assert np.isnan(prepared.positions_mm).all()


def test_a_slice_with_a_bad_value_does_not_cost_its_series(tmp_path: Path) -> None:
    for i in range(4):
        place = [0.0, 0.0, 3.0 * i]
        write_dicom(tmp_path / str(i), np.roll(VALUES, i, 0), ImagePositionPatient=place, InstanceNumber=i)
    dataset = write_dicom(tmp_path / "9", VALUES, ImagePositionPatient=[0.0, 0.0, 12.0])
    with_raw(dataset, tmp_path / "9", 0x00281053, "DS", b"oops")
    assert [file.reason for file in found_in(tmp_path)] == [None] * 4 + ["bad-value"]
    assert_values(read(tmp_path), np.stack([np.roll(VALUES, i, 0) for i in range(4)]))


@pytest.mark.parametrize("junk", [b"~", b"\\", b"1,2,3", b"\xff\xfe", b""])
def test_no_element_that_is_asked_for_can_do_worse_than_be_absent_or_set_the_file_aside(
    tmp_path: Path, junk: bytes
) -> None:
    for keyword in HEADER_TAGS:
        tag = tag_for_keyword(keyword) or 0
        kind = _kind(tag)
        if kind is None or tag < 0x00080000:
            continue
        (file,) = found_in(write(tmp_path / keyword / "x", keyword, junk, "DS"))
        assert file.reason in (None, "bad-value", "no-pixels"), keyword
        if keyword not in NEEDED:
            assert file.reason is None, keyword


def test_several_numbers_in_one_text_are_taken_apart_only_where_that_is_plain() -> None:
    assert plain_numbers("1,0,0,0,1,0", 6) == [1, 0, 0, 0, 1, 0]
    assert plain_numbers("0,75 0,75", 2) == [0.75, 0.75]
    assert plain_numbers("0,500") == [0.5]
    assert plain_numbers("1_0") is None
    assert {"DS", "IS"} == TEXT_NUMBERS

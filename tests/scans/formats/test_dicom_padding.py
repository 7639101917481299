"""Padding is what the header says it is, whatever VR, sign and order it says it in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.read_scans import RADIOGRAPH, assert_values, found_in, read, with_raw
from helpers.scan_files import texture, write_dicom
from pydicom.dataelem import DataElement

from medattngan.scans.find import stacks
from medattngan.scans.options import Options
from medattngan.scans.prepare import prepare
from medattngan.scans.series import SetAside
from medattngan.stages.ingest.worker import quiet

SIGNED = np.rint(texture((16, 16), 0, -300, 1000)).astype(np.int16)
UNSIGNED = np.rint(texture((16, 16), 0, 100, 1000)).astype(np.uint16)
PADDING, LIMIT = 0x00280120, 0x00280121


def padded(pixels: npt.NDArray[Any], value: int) -> npt.NDArray[Any]:
    """With the first rows padded."""
    copy = pixels.copy()
    copy[:4] = value
    return copy


def write(path: Path, pixels: npt.NDArray[Any], elements: list[tuple[int, str, Any]], **attributes: Any) -> None:
    dataset = write_dicom(path, pixels, **(RADIOGRAPH | attributes))
    for tag, vr, value in elements:
        dataset[tag] = DataElement(tag, vr, value)
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize(
    ("pixels", "value", "elements"),
    [
        (SIGNED, -2000, [(PADDING, "SS", -2000)]),
        (SIGNED, -2000, [(PADDING, "US", 63536)]),
        (SIGNED, -2000, [(PADDING, "IS", "-2000")]),
        (UNSIGNED, 63536, [(PADDING, "US", 63536)]),
        (UNSIGNED, 63536, [(PADDING, "SS", -2000)]),
        (UNSIGNED, 4095, [(PADDING, "US", 4095)]),
        (SIGNED, 32767, [(PADDING, "US", 32767)]),
        (SIGNED, 0, [(PADDING, "SS", 0)]),
        (UNSIGNED, 0, [(PADDING, "US", 0)]),
        (SIGNED, -2000, [(PADDING, "SS", [-3000, -2000])]),
        (SIGNED, -2000, [(PADDING, "US", 63536), (LIMIT, "US", 64536)]),
        (SIGNED, -2000, [(PADDING, "SS", -1500), (LIMIT, "SS", -2500)]),
        (SIGNED, 2500, [(PADDING, "SS", 2000), (LIMIT, "SS", 3000)]),
        (UNSIGNED, 0, [(PADDING, "US", 10), (LIMIT, "US", 0)]),
    ],
)
def test_padding_is_seen_and_takes_the_least_value_beside_it(
    tmp_path: Path, pixels: npt.NDArray[Any], value: int, elements: list[tuple[int, str, Any]]
) -> None:
    write(tmp_path / "a", padded(pixels, value), elements)
    prepared = read(tmp_path)
    assert (prepared.map.lower, prepared.map.upper) == (pixels[4:].min(), pixels[4:].max())
    assert_values(prepared, padded(pixels, int(pixels[4:].min())))


def test_tissue_of_the_value_of_padding_stays(tmp_path: Path) -> None:
    """Zero is padding above, and a true value among negative and positive ones."""
    pixels = padded(SIGNED, 0)
    pixels[8, 6:9] = 0
    write(tmp_path / "a", pixels, [(PADDING, "SS", 0)])
    expected = padded(pixels, int(pixels.min()))
    assert expected[8, 7] == 0
    assert_values(read(tmp_path), expected)


def test_padding_of_a_part_of_a_pixel_that_is_not_stored_is_seen(tmp_path: Path) -> None:
    """12 bits are stored and the padding is written with 16, so that cutting them off would make it 2096."""
    write(tmp_path / "a", padded(UNSIGNED, 63536), [(PADDING, "US", 63536)], BitsStored=12, HighBit=11)
    prepared = read(tmp_path)
    assert prepared.map.upper == UNSIGNED[4:].max()
    assert_values(prepared, padded(UNSIGNED, int(UNSIGNED[4:].min())))


def test_padding_is_told_by_stored_and_replaced_by_rescaled_numbers(tmp_path: Path) -> None:
    stored = padded(SIGNED, -2000)
    scale = {"Modality": "CT", "RescaleSlope": 2, "RescaleIntercept": -24, "PixelPaddingValue": -2000}
    write_dicom(tmp_path / "a", stored, **scale)
    values = stored * 2.0 - 24
    assert_values(read(tmp_path, window=(0.0, 6000.0)), padded(values, int(values[4:].min())))


def test_the_darkest_of_what_is_turned_over_is_where_it_was_padded(tmp_path: Path) -> None:
    pixels = padded(UNSIGNED, 0)
    write(
        tmp_path / "a", pixels, [(PADDING, "US", 0)], PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11
    )
    turned = 4095.0 - UNSIGNED
    assert_values(read(tmp_path), padded(turned, int(turned[4:].min())))


def test_a_frame_that_is_all_padding_is_blank(tmp_path: Path) -> None:
    write(tmp_path / "a", np.full((16, 16), -2000, np.int16), [(PADDING, "SS", -2000)])
    (series,) = stacks(found_in(tmp_path), None, False)
    with quiet(), pytest.raises(SetAside, match="blank"):
        prepare(series, Options(16, "acquired", (0.0, 100.0)))


@pytest.mark.parametrize(
    ("value", "told"),
    [(-1e6, True), (np.nan, True), (np.finfo(np.float32).min, False), (np.finfo(np.float32).max, False)],
)
def test_floats_have_padding_of_their_own(tmp_path: Path, value: float, told: bool) -> None:
    pixels = texture((16, 16), 0, -1, 1).astype(np.float32)
    pixels[:4] = value
    absent = ("BitsStored", "HighBit", "PixelRepresentation", "PixelData")
    dataset = write_dicom(tmp_path / "a", np.zeros((16, 16), np.int32), **dict.fromkeys(absent), **RADIOGRAPH)
    dataset.FloatPixelData = pixels.tobytes()
    if told:
        dataset.FloatPixelPaddingValue = value
    dataset.save_as(tmp_path / "a")
    expected = pixels.astype(float)
    expected[:4] = pixels[4:].min()
    assert_values(read(tmp_path), expected)


def test_an_unreadable_padding_is_none(tmp_path: Path) -> None:
    with_raw(write_dicom(tmp_path / "a", UNSIGNED, **RADIOGRAPH), tmp_path / "a", PADDING, "LO", b"N/A")
    assert_values(read(tmp_path), UNSIGNED)

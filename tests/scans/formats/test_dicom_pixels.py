"""Stored bits become physical values as DICOM PS3.3 says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.read_scans import RADIOGRAPH, assert_values, read
from helpers.scan_files import AXIAL, texture, write_dicom, write_nifti
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    RLELossless,
)

from medattngan.scans.series import SetAside
from medattngan.stages.ingest.ingest import ingest


def test_negative_and_unused_bits_are_honoured(tmp_path: Path) -> None:
    values = np.rint(texture((16, 16), 0, -1000, 1000)).astype(np.int16)
    stored = values.astype(np.uint16) & 0x0FFF | 0xA000  # an overlay in the unused bits
    write_dicom(tmp_path / "a", stored, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert_values(read(tmp_path), values)


def test_monochrome1_is_turned_over_with_its_window(tmp_path: Path) -> None:
    stored = texture((16, 16), 0, 0, 4095).astype(np.uint16)
    tags: dict[str, Any] = {"BitsStored": 12, "HighBit": 11, "WindowCenter": 1000, "WindowWidth": 1000}
    write_dicom(tmp_path / "a", stored, PhotometricInterpretation="MONOCHROME1", **tags, **RADIOGRAPH)
    prepared = read(tmp_path)
    assert prepared.scheme == "voi"
    assert (prepared.map.lower, prepared.map.upper) == (4095 - 1499.0, 4095 - 500.0)
    assert_values(prepared, 4095.0 - stored)


def test_a_linear_window_has_the_ends_of_the_standard(tmp_path: Path) -> None:
    """PS3.3 C.11.2.1.2.1: from c - 0.5 - (w - 1) / 2 to c - 0.5 + (w - 1) / 2."""
    write_dicom(
        tmp_path / "a", texture((16, 16)).astype(np.uint16), WindowCenter=[500, 1], WindowWidth=[401, 2], **RADIOGRAPH
    )
    prepared = read(tmp_path)
    assert (prepared.map.lower, prepared.map.upper) == (299.5, 699.5)


def test_a_window_that_shows_nothing_is_not_used(tmp_path: Path) -> None:
    stored = texture((16, 16)).astype(np.uint16)
    write_dicom(tmp_path / "a", stored, WindowCenter=30000, WindowWidth=100, **RADIOGRAPH)
    prepared = read(tmp_path)
    assert prepared.scheme == "full-range"
    assert_values(prepared, stored)


def test_padding_takes_the_least_value_that_is_not_padding(tmp_path: Path) -> None:
    values = np.rint(texture((16, 16), 0, -500, 1000)).astype(np.int16)
    values[:3] = -2000
    write_dicom(tmp_path / "a", values, PixelPaddingValue=-2000)
    assert_values(read(tmp_path, window=(-500.0, 4000.0)), np.where(values == -2000, values[3:].min(), values))


def test_air_outside_the_field_of_view_is_air(tmp_path: Path) -> None:
    values = np.rint(texture((16, 16), 0, -900, 1000)).astype(np.int16)
    values[:3] = -3024
    write_dicom(tmp_path / "a", values)
    assert_values(read(tmp_path, window=(-500.0, 6000.0)), np.maximum(values, -1024))


def test_a_modality_lut_comes_before_all_else(tmp_path: Path) -> None:
    stored = texture((16, 16), 0, 0, 255).astype(np.uint8)
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [256, 0, 16], "US"
    item.LUTData = (np.arange(256) ** 2 // 4).tolist()
    item["LUTData"].VR = "US"
    extra = {"RescaleSlope": None, "RescaleIntercept": None, "ModalityLUTSequence": Sequence([item])}
    write_dicom(tmp_path / "a", stored, **extra, **RADIOGRAPH)
    assert_values(read(tmp_path), stored.astype(int) ** 2 // 4)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_compression_changes_nothing(tmp_path: Path, syntax: str) -> None:
    values = texture((64, 64), 0, 0, 4000).astype(np.uint16)
    dataset = write_dicom(tmp_path / "a", values)
    dataset.compress(syntax)
    dataset.save_as(tmp_path / "a")
    assert_values(read(tmp_path), values)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_a_codestream_with_rows_and_columns_exchanged_is_not_read_askew(tmp_path: Path, syntax: str) -> None:
    dataset = write_dicom(tmp_path / "a", texture((48, 64), 0, 0, 4000).astype(np.uint16))
    dataset.compress(syntax)
    dataset.Rows, dataset.Columns = 64, 48
    dataset.save_as(tmp_path / "a")
    with pytest.raises(SetAside, match="unreadable"):
        read(tmp_path)


def write_enhanced(path: Path, frames: np.ndarray, order: list[int], slopes: list[float]) -> None:
    """An enhanced MR whose frames lie in `order`, each with its own rescale."""
    groups = []
    for i, slope in zip(order, slopes, strict=True):
        group, place, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0.0, 0.0, 4.0 * i]
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = slope, -5, "US"
        group.PlanePositionSequence = Sequence([place])
        group.PixelValueTransformationSequence = Sequence([values])
        groups.append(group)
    shared, plane, measures = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(AXIAL)
    measures.PixelSpacing, measures.SliceThickness = [1.5, 1.5], 4.0
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([plane]), Sequence([measures])
    absent = ("RescaleSlope", "RescaleIntercept", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing")
    write_dicom(
        path,
        frames[order],
        SOPClassUID=MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        Modality="MR",
        NumberOfFrames=len(order),
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(groups),
        **dict.fromkeys(absent),
    )


def test_an_enhanced_object_is_sorted_and_rescaled_frame_by_frame(tmp_path: Path) -> None:
    frames = texture((6, 16, 16), 4, 0, 1000).astype(np.uint16)
    order, slopes = [3, 0, 5, 1, 4, 2], [1.0, 2.0, 0.5, 1.5, 3.0, 1.0]
    write_enhanced(tmp_path / "a", frames, order, slopes)
    prepared = read(tmp_path, "axial")
    assert prepared.positions_mm == [0.0, 4.0, 8.0, 12.0, 16.0, 20.0]
    slope_of = dict(zip(order, slopes, strict=True))
    assert_values(prepared, np.stack([frames[i] * slope_of[i] - 5.0 for i in range(6)]))
    assert prepared.spacing_mm == 1.5


def test_one_truncated_file_does_not_cost_the_series(tmp_path: Path) -> None:
    for i in range(4):
        place = [0.0, 0.0, float(i)]
        write_dicom(tmp_path / str(i), texture((16, 16), i).astype(np.uint16), ImagePositionPatient=place)
    (tmp_path / "2").write_bytes((tmp_path / "2").read_bytes()[:-40])
    prepared = read(tmp_path)
    assert prepared.positions_mm == [0.0, 1.0, 3.0]
    assert prepared.set_aside == [(2, "unreadable", "ValueError")]


def test_grey_stored_as_rgb_is_read_and_colour_is_not(tmp_path: Path) -> None:
    grey = texture((16, 16), 0, 0, 255).astype(np.uint8)
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "Rows": 16}
    tags |= {"Columns": 16, **RADIOGRAPH}
    write_dicom(tmp_path / "grey" / "a", np.stack([grey] * 3, -1), **tags)
    write_dicom(tmp_path / "colour" / "a", np.stack([grey, grey // 2, grey], -1), **tags)
    assert_values(read(tmp_path / "grey"), grey)
    with pytest.raises(SetAside, match="colour"):
        read(tmp_path / "colour")


def test_what_a_file_is_called_says_nothing(tmp_path: Path) -> None:
    for i, name in enumerate(["a.png", "b.txt", "c"]):
        write_dicom(
            tmp_path / "scans" / name,
            texture((16, 16), i).astype(np.uint16),
            PatientID=name,
            SeriesInstanceUID=f"1.{i}",
        )
    write_nifti(tmp_path / "scans" / "d.nii.gz", texture((12, 12, 4)))
    (tmp_path / "scans" / "d.nii.gz").rename(tmp_path / "scans" / "d.jpg")
    store = ingest([tmp_path / "scans"], tmp_path / "store", size=16, progress=False)
    assert store.index.groupby("modality").size().to_dict() == {"CT": 3, "MR": 4}

"""Pages, captured screens and composites do not enter a store of slices; pictures that are all there is do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.read_scans import found_in, read
from helpers.scan_files import texture, write_dicom
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

from medattngan.scans.series import SetAside

PAGE: dict[str, Any] = {
    "ImageOrientationPatient": None, "ImagePositionPatient": None, "PixelSpacing": None, "SeriesInstanceUID": "1.9.9",
    "SOPClassUID": SecondaryCaptureImageStorage,
}  # fmt: skip


def pixels(seed: int = 0) -> np.ndarray:
    return texture((16, 16), seed).astype(np.uint16)


def reasons(folder: Path, with_slices: bool, **page: Any) -> list[str | None]:
    """What becomes of one page, beside four slices of its study or alone."""
    for i in range(4 if with_slices else 0):
        write_dicom(folder / f"slice{i}", pixels(i), ImagePositionPatient=[0.0, 0.0, 3.0 * i])
    write_dicom(folder / "page", pixels(9), **(PAGE | page))
    found = {file.path.name: file.reason for file in found_in(folder)}
    assert all(found[f"slice{i}"] is None for i in range(4 if with_slices else 0))
    return [found["page"]]


@pytest.mark.parametrize(
    "page",
    [
        {"Modality": "CT"},
        {"Modality": "MR", "ImageType": ["DERIVED", "SECONDARY"]},
        {"Modality": "PT", "ConversionType": "WSD"},
        {"Modality": "OT", "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
        {"Modality": "OT", "ImageType": ["DERIVED", "SECONDARY", "CSA REPORT"]},
        {"Modality": "US", "ImageType": ["DERIVED", "SECONDARY", "GSPS_SCREENSHOT"]},
        {"Modality": "CT", "ImageType": ["DERIVED", "SECONDARY", "OTHER", "DOSE_INFO"]},
        {
            "Modality": "US",
            "SOPClassUID": UltrasoundImageStorage,
            "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"],
        },
        {"Modality": "CT", "SOPClassUID": CTImageStorage, "ImageType": ["ORIGINAL", "PRIMARY", "DOSE_INFO"]},
        {"Modality": "CT", "SOPClassUID": MultiFrameTrueColorSecondaryCaptureImageStorage},
    ],
)
@pytest.mark.parametrize("with_slices", [True, False])
def test_what_says_of_itself_that_it_is_a_captured_screen_is_set_aside(
    tmp_path: Path, page: dict[str, Any], with_slices: bool
) -> None:
    assert reasons(tmp_path, with_slices, **page) == ["screen-capture"]


@pytest.mark.parametrize(
    "page",
    [
        {"Modality": "OT", "ConversionType": "WSD"},
        {"Modality": "OT", "ConversionType": "SI"},
        {"Modality": "CR"},
        {"Modality": "CT", "SOPClassUID": CTImageStorage},
        {"Modality": "MR", "SOPClassUID": CTImageStorage, "SeriesInstanceUID": "1.2.3.4"},
    ],
)
def test_what_lies_nowhere_among_slices_is_set_aside_and_alone_is_read(tmp_path: Path, page: dict[str, Any]) -> None:
    assert reasons(tmp_path / "among", True, **page) == ["screen-capture"]
    assert reasons(tmp_path / "alone", False, **page) == [None]


@pytest.mark.parametrize(
    ("modality", "sop"),
    [
        ("DX", DigitalXRayImageStorageForPresentation),
        ("CR", ComputedRadiographyImageStorage),
        ("US", UltrasoundImageStorage),
    ],
)
def test_a_radiograph_taken_on_the_same_day_as_a_ct_is_read(tmp_path: Path, modality: str, sop: str) -> None:
    assert reasons(tmp_path, True, Modality=modality, SOPClassUID=sop) == [None]


def test_a_captured_film_of_another_study_is_read(tmp_path: Path) -> None:
    assert reasons(tmp_path, True, Modality="OT", StudyInstanceUID="1.2.99") == [None]


@pytest.mark.parametrize("kind", ["MIP", "MinIP", "THICK_MIP", "VRT", "COMPOSED", "PROJECTION IMAGE", "REPROJECTION"])
def test_many_slices_in_one_are_no_slice_though_they_have_a_place(tmp_path: Path, kind: str) -> None:
    write_dicom(tmp_path / "a", pixels(), ImageType=["DERIVED", "SECONDARY", kind.upper()])
    assert [file.reason for file in found_in(tmp_path)] == ["composite"]


def test_the_technique_of_an_enhanced_image_tells_a_rendering(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", pixels(), VolumeBasedCalculationTechnique="MAX_IP")
    write_dicom(tmp_path / "b", pixels(), VolumeBasedCalculationTechnique="MPR")
    assert [file.reason for file in found_in(tmp_path)] == ["composite", None]


@pytest.mark.parametrize(
    "kind", ["AXIAL", "MPR", "REFORMATTED", "ADC", "WHOLE BODY", "SCREENING", "LOW DOSE", "CURVED"]
)
def test_a_reformatted_slice_with_a_place_is_a_slice(tmp_path: Path, kind: str) -> None:
    write_dicom(tmp_path / "a", pixels(), ImageType=["DERIVED", "SECONDARY", kind])
    assert [file.reason for file in found_in(tmp_path)] == [None]


def test_a_header_that_was_saved_alone_has_no_pixels(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", pixels(), PixelData=None)
    with pytest.raises(SetAside, match="no-pixels"):
        read(tmp_path)


def test_a_syntax_that_nobody_knows_has_no_decoder_and_an_empty_one_is_seen_in_the_file(tmp_path: Path) -> None:
    written = write_dicom(tmp_path / "a", pixels()).file_meta.TransferSyntaxUID.encode("ascii")
    raw = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(raw.replace(written, b"1.2.840.113619.5.2\0"))
    assert [file.reason for file in found_in(tmp_path)] == ["no-decoder"]
    (tmp_path / "a").write_bytes(raw.replace(written, bytes(len(written))))
    assert read(tmp_path).codes.shape == (1, 16, 16)

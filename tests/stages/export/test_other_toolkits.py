"""What dciodvfy, GDCM and DCMTK make of every kind of object."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.dicom_checks import complaints, find_or_skip
from helpers.export_cases import CASES, files_of, make_samples
from PIL import Image
from pydicom.pixels import apply_modality_lut

from medattngan.stages.export.export import export


@pytest.mark.parametrize("case", CASES)
def test_dciodvfy_finds_no_error_in_any_kind_of_object(case: str, tmp_path: Path) -> None:
    intensity, options = CASES[case]
    files = files_of(export(make_samples(intensity, 2), tmp_path / "dicom", **options).path)  # type: ignore[arg-type]
    assert len(files) == (1 if options.get("multiframe") else 2)
    assert [complaint for file in files for complaint in complaints(file)] == []


@pytest.mark.parametrize("case", ["ct", "mr", "multi-frame", "jpegls", "jpeg2000 mr", "multi-frame rle"])
def test_gdcm_decodes_every_kind_of_object_to_the_same_pixels(case: str, tmp_path: Path) -> None:
    intensity, options = CASES[case]
    samples = make_samples(intensity)
    file = files_of(export(samples, tmp_path / "dicom", **options).path)[0]  # type: ignore[arg-type]
    raw = tmp_path / "raw.dcm"
    subprocess.run([find_or_skip("gdcmconv"), "--raw", str(file), str(raw)], check=True, capture_output=True)
    decoded = pydicom.dcmread(raw).pixel_array.reshape(-1, 40, 64)
    np.testing.assert_array_equal(decoded, samples.codes[: len(decoded)])


@pytest.mark.parametrize("case", ["ct", "mr", "multi-frame", "multi-frame rle", "stamped", "no overlay"])
def test_dcmtk_dumps_and_renders_what_the_window_says(case: str, tmp_path: Path) -> None:
    intensity, options = CASES[case]
    samples = make_samples(intensity)
    file = files_of(export(samples, tmp_path / "dicom", **options).path)[0]  # type: ignore[arg-type]
    dumped = subprocess.run([find_or_skip("dcmdump"), str(file)], check=True, capture_output=True, text=True).stdout
    assert "(0008,001c) CS [YES]" in dumped
    png = tmp_path / "slice.png"
    command = [find_or_skip("dcm2pnm"), "--write-png", "--no-overlays", "--use-window", "1", str(file), str(png)]
    subprocess.run(command, check=True, capture_output=True)
    shown = np.asarray(Image.open(png)).astype(float)
    dataset = pydicom.dcmread(file)
    physical = apply_modality_lut(dataset.pixel_array.reshape(-1, 40, 64)[0], dataset)
    lower = float(dataset.WindowCenter) - float(dataset.WindowWidth) / 2
    expected = np.clip((physical - lower) / float(dataset.WindowWidth), 0, 1) * 255
    np.testing.assert_allclose(shown, expected, atol=1.5)

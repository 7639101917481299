"""Modality takes the standard's own words, wherever it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.scan_files import texture, write_dicom

from medattngan.external.dicom import read_frames
from medattngan.scans.find import examine, stacks, walk
from medattngan.scans.modality import MODALITIES, modality

TEXTS = ["DOE^JANE", "MRI", "[/b]", "\x1b[31mMR", "CT MR", "C T", "'MR'", "ct\nx", "MR;", "", "ＭＲ"]


@pytest.mark.parametrize("text", TEXTS)
def test_free_text_is_other(text: str) -> None:
    assert modality(text) == "OT"


@pytest.mark.parametrize("text", ["MR", "mr", " MR ", "Mr\0"])
def test_a_term_is_itself_however_padded(text: str) -> None:
    assert modality(text) == "MR"


def test_every_term_is_a_code_string() -> None:
    assert all(term == modality(term) and len(term) <= 16 and term.isascii() for term in MODALITIES)
    assert "OT" in MODALITIES


@pytest.mark.parametrize("text", ["ZQ^MADEUP [/b]", "ZQ\\CT"])
def test_free_text_reaches_neither_a_series_nor_what_is_judged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scans" / "a.dcm"
    with pydicom.config.disable_value_validation():
        write_dicom(path, texture((16, 16), 0, 0, 1000).astype(np.int16), Modality=text)
        (one,) = stacks([examine(item) for item in walk([tmp_path / "scans"])], None, False)
        assert one.modality == "OT"
        assert read_frames([path], tmp_path)[1]["modality"] == "OT"

"""Slices given to be judged, with their labels, from whatever holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.scan_files import write_dicom
from PIL import Image
from pydicom.uid import JPEG2000Lossless

from medattngan.core.files import UserError
from medattngan.data.intensity import IntensityMap
from medattngan.data.samples import Samples
from medattngan.external.open import open_slices
from medattngan.stages.export.export import export

MAP = IntensityMap(-1000.0, 400.0, "HU")


def make_samples(labels: list[str | None], size: int = 16) -> Samples:
    codes = np.random.default_rng(0).integers(0, 65536, (len(labels), size, size)).astype(np.uint16)
    intensity = {
        "lower": MAP.lower,
        "upper": MAP.upper,
        "unit": "HU",
        "modality": "CT",
        "plane": "axial",
        "spacing_mm": 2.0,
    }
    table = pd.DataFrame({"seed": range(len(labels)), "label": labels, "truncation": 1.0})
    return Samples(codes, table, intensity, {"note": "noise"})


@pytest.mark.parametrize(("labels", "found"), [(["a", "b", "a"], ["a", "b", "a"]), (["a", None, "a"], None)])
def test_samples_have_labels_if_all_of_them_do(
    tmp_path: Path, labels: list[str | None], found: list[str] | None
) -> None:
    samples = make_samples(labels)
    samples.save(tmp_path / "samples")
    given = open_slices(tmp_path / "samples").unit(MAP)
    assert torch.equal(given.images[:], samples.unit())
    assert given.labels == found
    assert given.notes == []


def test_pictures_in_folders_are_labelled_by_them(tmp_path: Path) -> None:
    for name in ("well", "ill"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name / "1.png")
    assert open_slices(tmp_path).unit(MAP).labels == ["ill", "well"]


def test_exported_dicom_is_read_back_as_the_samples_it_was_made_from(tmp_path: Path) -> None:
    samples = make_samples([None] * 3)
    export(samples, tmp_path / "dicom")
    given = open_slices(tmp_path / "dicom").unit(MAP)
    torch.testing.assert_close(given.images.sort(0).values, samples.unit().sort(0).values, atol=1e-3, rtol=0)
    assert any("placed between -1000 and 400 HU" in note for note in given.notes)


def test_dicom_slices_of_unlike_sizes_are_refused(tmp_path: Path) -> None:
    export(make_samples([None]), tmp_path / "dicom" / "small")
    export(make_samples([None], size=24), tmp_path / "dicom" / "large")
    with pytest.raises(UserError, match="16 x 16, 24 x 24"):
        open_slices(tmp_path / "dicom").unit(MAP)


def test_dicom_whose_codestream_has_rows_and_columns_exchanged_is_refused(tmp_path: Path) -> None:
    dataset = write_dicom(tmp_path / "a.dcm", np.arange(48 * 64, dtype=np.uint16).reshape(48, 64))
    dataset.compress(JPEG2000Lossless)
    dataset.Rows, dataset.Columns = 64, 48
    dataset.save_as(tmp_path / "a.dcm")
    with pytest.raises(UserError, match="cannot be judged: damaged"):
        open_slices(tmp_path)


def test_slices_are_taken_with_their_labels(tmp_path: Path) -> None:
    samples = make_samples(["a", "b", "c"])
    samples.save(tmp_path / "samples")
    taken = open_slices(tmp_path / "samples").unit(MAP).take([2, 0]).resized(8)
    assert taken.images.shape == (2, 1, 8, 8)
    assert taken.labels == ["c", "a"]

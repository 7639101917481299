"""What `medattngan export` says, and what it refuses, before anything is written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.export_cases import CT, files_of, make_samples

from medattngan.cli.app import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """The exit status of `medattngan export ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["medattngan", "export", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_what_was_left_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = make_samples(CT, 4)
    samples.table["flagged"] = [False, True, False, False]
    samples.save(tmp_path / "samples")
    assert run(monkeypatch, tmp_path / "samples", "--out", tmp_path / "dicom", "--limit", "2") == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'dicom'}\n"
    told = [line for line in said.err.splitlines() if not line.startswith("writing slices")]
    assert told == ["--limit: 1 slice left out", "1 slice left out that the audit flagged"]


def test_modality_and_unit_are_read_in_any_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "x.npy", make_samples(CT).codes)
    options = ["--modality", "mr", "--unit", "hu", "--range=-1024,3071", "--plane", "axial", "--spacing", "1.5"]
    assert run(monkeypatch, tmp_path / "x.npy", "--out", tmp_path / "dicom", *options) == 0
    dataset = pydicom.dcmread(files_of(tmp_path / "dicom")[0])
    assert (dataset.Modality, dataset.RescaleType) == ("MR", "HU")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--modality", "banana"], "no defined term"),
        (["--unit", "a\nb"], "--unit"),
        (["--spacing", "-1"], "-1.0 mm"),
        (["--spacing", "0"], "0.0 mm"),
        (["--window", "40,0"], "--window"),
        (["--uid-root", "9.9"], "--uid-root"),
        (["--sop", "ct"], "--sop ct"),
        (["--like", "nowhere"], "--like nowhere"),
    ],
    ids=str,
)
def test_what_would_not_be_dicom_is_refused_in_one_sentence(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", make_samples(CT).codes)
    assert run(monkeypatch, tmp_path / "x.npy", "--out", tmp_path / "dicom", *options) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("option", [["--unit", "HU"], ["--spacing", "2"], ["--plane", "coronal"], ["--modality", "MR"]])
def test_a_samples_folder_is_not_given_another_meaning_in_silence(
    option: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_samples(CT).save(tmp_path / "samples")
    assert run(monkeypatch, tmp_path / "samples", "--out", tmp_path / "dicom", *option) == 2
    assert f"leave out {option[0]}" in capsys.readouterr().err

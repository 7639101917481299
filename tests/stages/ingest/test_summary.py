"""What ingest says at its end: each thing once, and what to do about it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.scan_files import texture, write_nifti
from helpers.verbs import write_pictures

from medattngan.core.files import UserError
from medattngan.stages.ingest.ingest import ingest


def write_thin(folder: Path, count: int) -> None:
    """Volumes of one axial slice."""
    folder.mkdir()
    for number in range(count):
        write_nifti(folder / f"patient{number}.nii", texture((24, 24, 1), number).astype(np.float32))


def test_a_reason_is_said_once_for_files_and_slices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(tmp_path / "scans")
    shutil.copy(tmp_path / "scans/patient00.png", tmp_path / "scans/patient99.png")
    ingest(tmp_path / "scans", tmp_path / "store", size=32)
    lines = capsys.readouterr().err.splitlines()
    (told,) = [line for line in lines if "set aside" in line]
    assert told.count("duplicate") == 1
    assert "1 file and 1 slice duplicate" in told


@pytest.mark.parametrize(("size", "told"), [(32, False), (40, True)])
def test_a_size_that_training_does_not_take_is_told(
    size: int, told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "scans")
    ingest(tmp_path / "scans", tmp_path / "store", size=size)
    sentence = "train takes 32, 64, 128, 256, 512 px and averages 40 px down; choose one with --size"
    assert (sentence in capsys.readouterr().err) == told


def test_where_most_files_cannot_be_cut_in_the_plane_the_cure_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_thin(tmp_path / "scans", 3)
    write_nifti(tmp_path / "scans/whole.nii", texture((24, 24, 24)).astype(np.float32))
    ingest(tmp_path / "scans", tmp_path / "store", size=32, plane="coronal")
    assert "taken as they are with --plane acquired" in capsys.readouterr().err


def test_where_no_file_can_be_cut_in_the_plane_the_cure_is_told(tmp_path: Path) -> None:
    write_thin(tmp_path / "scans", 3)
    with pytest.raises(UserError, match=r"3 other-plane\); .*--plane acquired\.$"):
        ingest(tmp_path / "scans", tmp_path / "store", size=32, plane="coronal", progress=False)
    assert len(ingest(tmp_path / "scans", tmp_path / "store", size=32, plane="acquired", progress=False)) == 3

"""A series is chosen by its sequence, and the list of what there is comes before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.canaries import WORD, found, plant, written
from helpers.scan_files import texture, write_dicom, write_nifti
from pydicom.uid import MRImageStorage
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.data.store import SliceStore
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.ingest.listing import list_series, told


def write_mr(folder: Path, patient: str, description: str, series: int, slices: int = 3) -> None:
    for number in range(slices):
        write_dicom(
            folder / f"{series}-{number}", texture((16, 16), 10 * series + number).astype(np.int16),
            SOPClassUID=MRImageStorage, Modality="MR", PatientID=patient, SeriesDescription=description,
            SeriesInstanceUID=f"1.2.3.{series}", ImagePositionPatient=[0.0, 0.0, 3.0 * number],
            RescaleSlope=None, RescaleIntercept=None, EchoTime=3.0, RepetitionTime=2000.0, InversionTime=900.0,
        )  # fmt: skip


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patients with T1 and FLAIR as DICOM, one with T2 as NIfTI, and a CT."""
    top = tmp_path_factory.mktemp("choosing") / "scans"
    for number, patient in enumerate((f"{WORD}^A", f"{WORD}^B")):
        write_mr(top / str(number), patient, "t1_mprage", 2 * number + 1)
        write_mr(top / str(number), patient, f"FLAIR {WORD}", 2 * number + 2)
    write_nifti(top / "sub-1_T2w.nii.gz", texture((16, 16, 12), 99).astype(np.float32))
    write_dicom(top / "ct", texture((16, 16), 7).astype(np.int16), PatientID="third")
    return top


def take(scans: Path, out: Path, *only: str) -> SliceStore:
    return ingest(scans, out, size=16, plane="axial", only=only, progress=False)


@pytest.fixture(scope="module")
def whole(scans: Path) -> SliceStore:
    return take(scans, scans.parent / "whole")


@pytest.fixture(scope="module")
def t1(scans: Path) -> SliceStore:
    return take(scans, scans.parent / "t1", "sequence=t1")


def test_the_index_has_the_sequence_of_mr_and_nothing_for_the_rest(whole: SliceStore) -> None:
    index = whole.index
    assert index["sequence"].fillna("none").value_counts().to_dict() == {"T1": 6, "FLAIR": 6, "T2": 9, "none": 1}
    assert set(index.loc[index["sequence"].isna(), "modality"]) == {"CT"}
    assert whole[0]["sequence"] == str(index["sequence"].fillna("")[0])


def test_only_takes_what_it_asks_for_and_counts_the_rest(t1: SliceStore) -> None:
    assert set(t1.index["sequence"]) == {"T1"}
    assert len(t1) == 6
    assert t1.provenance["set_aside"]["files"] == {"not-asked": 8}
    assert t1.provenance["asked"]["only"] == ["sequence=T1"]


def test_a_store_without_mr_has_no_such_column(scans: Path, tmp_path: Path) -> None:
    index = take(scans, tmp_path / "store", "modality=CT").index
    assert set(index["modality"]) == {"CT"}
    assert "sequence" not in index


def test_where_no_series_is_asked_for_it_says_what_there_is(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sequence=ADC; there are MR FLAIR \(2\), MR T1 \(2\), CT \(1\), MR T2 \(1\)"):
        take(scans, tmp_path / "store", "sequence=ADC")
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_several_sequences_is_told_to_be_so(whole: SliceStore, t1: SliceStore) -> None:
    assert any("mixes MR sequences (FLAIR, T1, T2)" in note for note in whole.provenance["notes"])
    assert not any("mixes" in note for note in t1.provenance["notes"])


def test_the_list_is_what_the_ingest_takes_and_writes_nothing(scans: Path, tmp_path: Path) -> None:
    before = sorted(scans.parent.rglob("*"))
    table = list_series(scans, only=["sequence=T1"], progress=False)
    assert sorted(scans.parent.rglob("*")) == before
    assert table.attrs["set_aside"] == {}
    assert sorted(table["sequence"]) == ["", "FLAIR", "FLAIR", "T1", "T1", "T2"]
    index = take(scans, tmp_path / "store", "sequence=T1").index
    assert set(table.loc[table["taken"], "series"]) == set(index["series"])
    assert set(table.loc[table["taken"], "patient"]) == set(index["patient"])
    row = table[table["sequence"] == "T1"].iloc[0]
    assert (row["slices"], row["pixels"], row["plane"], row["inversion_ms"]) == (3, "16 x 16", "axial", 900.0)


def test_the_command_lists_without_a_place_to_write_and_asks_for_one_otherwise(scans: Path) -> None:
    listed = CliRunner().invoke(app, ["ingest", str(scans), "--list", "--only", "sequence=T1"])
    assert listed.exit_code == 0
    assert "2 of 6 series would be taken, of 2 patients." in listed.output
    assert "MR FLAIR: 2 series of 2 patients, 0 taken" in listed.output
    assert found(listed.output) == []
    with pytest.raises(UserError, match="ingest needs --out"):
        CliRunner().invoke(app, ["ingest", str(scans)], catch_exceptions=False)


def test_no_word_of_a_description_is_in_a_store(whole: SliceStore, t1: SliceStore) -> None:
    assert found(written(whole.path)) == []
    assert found(written(t1.path)) == []


def test_a_header_of_canaries_is_listed_without_one(tmp_path: Path) -> None:
    with pydicom.config.disable_value_validation():
        plant(tmp_path / "canary", 50, "MR")
    table = list_series(tmp_path, progress=False)
    assert list(table["sequence"]) == ["OTHER"]
    assert found("\n".join(told(table))) == []

"""Further columns of numbers become conditions; what may identify a patient stays out, and the user is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.scan_files import texture
from PIL import Image

from medattngan.core.files import UserError
from medattngan.scans.table.numbers import MANY_OWNERS, index_name
from medattngan.scans.table.rows import read_labels
from medattngan.stages.ingest.ingest import ingest


def table(folder: Path, *lines: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_numbers_are_read_and_empty_cells_are_none(tmp_path: Path) -> None:
    labels = read_labels(table(tmp_path, "patient,BMI,Weight (kg)", "a,21.5,70", "b,n/a,82.5"))
    assert labels.numbers == ("bmi", "weight_kg")
    found = [labels.find("x", name) for name in ("a", "b")]
    assert [row and dict(row.numbers) for row in found] == [{"bmi": 21.5, "weight_kg": 70.0}, {"weight_kg": 82.5}]
    assert len(labels.ignored) == 0


@pytest.mark.parametrize(
    ("column", "cells", "reason"),
    [
        ("scanner", ("X", "1"), "numbers alone"),
        ("score", ("inf", "1"), "numbers alone"),
        ("score", ("", "n/a"), "empty"),
        ("seed", ("1", "2"), "name is used"),
        ("position_mm", ("1", "2"), "name is used"),
        ("visit", ("20260131", "20260201"), "identify"),
        ("score", ("918273645", "3"), "identify"),
        ("site_id", ("1", "2"), "identify"),
        ("subject", ("7", "8"), "identify"),
        ("BirthYear", ("1950", "1960"), "identify"),
        ("MRN", ("17.5", "8"), "identify"),
    ],
)
def test_other_columns_stay_out_with_their_place_and_reason(
    tmp_path: Path, column: str, cells: tuple[str, str], reason: str
) -> None:
    labels = read_labels(table(tmp_path, f"patient,{column}", f"a,{cells[0]}", f"b,{cells[1]}"))
    assert labels.numbers == ()
    ((place, said),) = labels.ignored
    assert place == 2
    assert reason in said
    assert column not in said


def test_whole_numbers_of_which_each_patient_has_his_own_are_taken_for_a_numbering(tmp_path: Path) -> None:
    lines = [f"p{i},{100 + i},{100 + i}.5,{i % 7}" for i in range(MANY_OWNERS)]
    labels = read_labels(table(tmp_path, "patient,key,dose,grade", *lines))
    assert labels.numbers == ("dose", "grade")
    assert labels.ignored[0][0] == 2


def test_a_column_that_says_two_things_of_one_patient_is_left_out_and_the_rest_stays(tmp_path: Path) -> None:
    labels = read_labels(table(tmp_path, "patient,label,bmi", "a,ill,20", "a,ill,25"))
    row = labels.find("x", "a")
    assert row is not None
    assert (row.label, row.numbers) == ("ill", ())
    assert "two things" in labels.ignored[0][1]


def test_one_file_may_differ_from_the_next_of_the_same_patient(tmp_path: Path) -> None:
    labels = read_labels(table(tmp_path, "file,patient,dose", "1.png,a,0.5", "2.png,a,1.5"))
    found = [labels.find(name, "") for name in ("1.png", "2.png")]
    assert [row and row.numbers for row in found] == [(("dose", 0.5),), (("dose", 1.5),)]


def test_an_age_that_is_no_number_is_still_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 2: the age"):
        read_labels(table(tmp_path, "patient,age,bmi", "a,old,20"))


def test_the_index_has_the_numbers_and_the_notes_say_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(4):
        pixels = texture((20, 20), number, high=255).astype(np.uint8)
        Image.fromarray(pixels).save(scans / f"{number}.png")
    lines = [f"{n}.png,{60 + n},{20.5 + n},scanner{n}" for n in range(3)]
    path = table(tmp_path, "file,age,BMI,machine", *lines)
    store = ingest(scans, tmp_path / "store", size=16, labels=path)
    assert sorted(store.index["bmi"].dropna()) == [20.5, 21.5, 22.5]
    assert store.index["bmi"].isna().sum() == 1
    said = " ".join(store.provenance["notes"])
    assert "Taken from the table: age, bmi." in said
    assert "Column 4 of the table was not taken: it does not hold numbers alone." in said
    printed = capsys.readouterr().err
    assert "Taken from the table: age, bmi." in printed
    assert "machine" not in printed


@pytest.mark.parametrize(("column", "name"), [("BMI", "bmi"), (" GFR [ml/min] ", "gfr_ml_min"), ("年", "")])
def test_a_name_in_the_index_is_plain(column: str, name: str) -> None:
    assert index_name(column) == name

"""What could identify stays out of captions: canaries in the forms in which reports have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medattngan.conditions.words import words
from medattngan.core.files import UserError
from medattngan.scans.captions.identifying import KINDS, Screen
from medattngan.scans.captions.notes import read_captions

PLAIN = "There is a large effusion in the left lung. No consolidation."
CANARIES = [
    ("Dr. Kanarie saw a large effusion.", "kanarie", "name"),
    ("dr kanarie saw a large effusion", "kanarie", "name"),
    ("Name: Kanarie. Large effusion.", "kanarie", "name"),
    ("Large effusion, reported by Kanarie.", "kanarie", "capital"),
    ("KANARIE, large effusion.", "kanarie", "capital"),
    ("Large effusion since 03.02.1901.", "1901", "date"),
    ("Large effusion on 3 Feb 1901.", "feb", "date"),
    ("Large effusion in March 2020.", "march", "date"),
    ("Large effusion, admitted on Monday.", "monday", "date"),
    ("61-year-old man with large effusion.", "year-old", "age"),
    ("A sixty-five-year-old woman, large effusion.", "sixty-five-year-old", "age"),
    ("Large effusion in a patient aged 91.", "91", "age"),
    ("Number G918273645: large effusion.", "g918273645", "number"),
    ("Large effusion of 918273645.", "918273645", "number"),
    ("Large effusion, room 12b.", "12b", "number"),
    ("Large effusion after travel to wuhan.", "wuhan", "place"),
    ("Large effusion after travel to Kenya.", "kenya", "place"),
    ("Large effusion, ask maria@kanarie.example.", "kanarie", "contact"),
    ("Large effusion, https://kanarie.example/9", "kanarie", "contact"),
    ("Large effusion, said thomas.", "thomas", "name"),
]


@pytest.mark.parametrize(("text", "canary", "kind"), CANARIES)
def test_a_canary_is_left_out_counted_by_its_kind_and_the_finding_stays(text: str, canary: str, kind: str) -> None:
    screened, left = Screen.of([PLAIN, text]).screened(text)
    assert canary not in screened.lower()
    assert canary not in words(screened)
    assert left[kind] >= 1
    assert "effusion" in words(screened)
    assert set(left) <= set(KINDS)


def test_a_report_without_any_of_it_stays_word_for_word() -> None:
    screened, left = Screen.of([PLAIN]).screened(PLAIN)
    assert screened == PLAIN
    assert not left


def test_sequences_vertebrae_and_short_abbreviations_are_no_names() -> None:
    text = "Axial T1 and T2w MR at L5, CT and FLAIR; COPD."
    assert words(Screen.of([text]).screened(text)[0]) == words(text)


def test_a_word_that_is_written_small_elsewhere_is_no_name() -> None:
    screen = Screen.of(["Bronchiectasis is seen.", "no bronchiectasis"])
    assert "bronchiectasis" in words(screen.screened("Bronchiectasis is seen.")[0])
    assert "bronchiectasis" not in words(Screen.of(["Bronchiectasis."]).screened("Bronchiectasis.")[0])


def test_a_word_can_be_kept_by_name() -> None:
    text = "Kerley lines."
    assert "kerley" not in words(Screen.of([text]).screened(text)[0])
    assert "kerley" in words(Screen.of([text], ["KERLEY"]).screened(text)[0])


def test_several_captions_of_one_file_are_lines_and_one_of_a_patient_is_of_all_his_files(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text("file,patient,text\na.png,,no effusion\na.png,,lungs clear\n,p1,large heart\nb.png,,\n")
    table, left = read_captions(path)
    assert not left
    row = table.find("folder/a.png")
    assert row is not None
    assert row.label == "no effusion\nlungs clear"
    patient = table.find("x.png", "p1")
    assert patient is not None
    assert patient.label == "large heart"
    assert table.find("b.png") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file,caption\na.png,x\n", "needs a column `text`"),
        ("text\nx\n", "and a column `file` or `patient`"),
        ("file,text\na.png,\n", "no caption of any word"),
        ("file,text\na.png,12345\n", "no caption of any word"),
    ],
)
def test_a_table_that_says_nothing_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "captions.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=said):
        read_captions(path)
    with pytest.raises(UserError, match=r"cannot be read as CSV.*check --captions"):
        read_captions(tmp_path / "none.csv")

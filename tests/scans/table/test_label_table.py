"""The table of labels is found by file or by patient, and mistakes in it are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from medattngan.core.files import UserError
from medattngan.scans.table.rows import Row, read_labels


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("column", ["patient", "subject", "participant_id", "patient_id", "ID"])
def test_the_column_of_patients_goes_by_several_names(tmp_path: Path, column: str) -> None:
    labels = read_labels(table(tmp_path, f"{column},label,age,scanner\nP1,ill,n/a,X\n"))
    assert labels.find("somewhere/x.dcm", "P1") == Row("P1", "ill", None, None)
    assert len(labels.ignored) == 1


@pytest.mark.parametrize("apart", ["\t", ";"])
def test_tabs_and_semicolons_part_cells_as_commas_do(tmp_path: Path, apart: str) -> None:
    text = "participant_id,age,label\nsub-1,63,ill\nsub-2,n/a,\n".replace(",", apart)
    labels = read_labels(table(tmp_path, text))
    assert labels.by_patient == {"sub-1": Row("sub-1", "ill", 63.0, None), "sub-2": Row("sub-2", None, None, None)}
    assert read_labels(table(tmp_path, f"patient,label,{apart * 2}\nP1,ill,\n")).by_patient["P1"].label == "ill"


def test_a_file_is_found_by_its_path_and_then_by_its_name(tmp_path: Path) -> None:
    labels = read_labels(table(tmp_path, "file,label\na/1.png,left\n1.png,right\n"))
    found = [labels.find(path, "") for path in ("top/a/1.png", "top/b/1.png", "top/2.png")]
    assert [row and row.label for row in found] == ["left", "right", None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,label\nx,y\n", "needs a column"),
        ("patient,age\nP1,old\n", "line 2: the age"),
        ("patient,label\nP1,ill\nP1,well\n", "line 3 contradicts"),
        ("patient,label\nP1,ill\nP2,mild, left\n", "line 3 has more cells"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_labels(table(tmp_path, text))

"""The table against names and headers: it never undoes what they say, and where it is silent patients are fewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.scan_files import texture, write_dicom, write_nifti
from PIL import Image

from medattngan.core.files import UserError
from medattngan.scans.find import examine, stacks, walk
from medattngan.scans.series import Series
from medattngan.scans.table.rows import read_labels


def volumes(top: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        write_nifti(top / name, texture((12, 12, 4), seed))
    return top


def read(top: Path, table: str, encoding: str = "utf-8") -> list[Series]:
    path = top.with_name("labels.csv")
    path.write_bytes(table.encode(encoding))
    return stacks([examine(item) for item in walk([top])], read_labels(path), False)


def patients(series: list[Series]) -> int:
    return len({one.patient for one in series})


def test_the_number_of_a_slice_is_no_patient_of_the_table(tmp_path: Path) -> None:
    """Slices are called 001, and so is somebody else."""
    for number in range(3):
        pixels = texture((12, 12), number, high=1000).astype(np.int16)
        path = tmp_path / "scans" / "x" / f"{number:03d}.dcm"
        write_dicom(path, pixels, PatientID="A17", ImagePositionPatient=[0.0, 0.0, 3.0 * number])
    volumes(tmp_path / "scans", "yan/1.nii", "zoe/1.nii", "wes/2.nii")
    found = {one.patient: one.label for one in read(tmp_path / "scans", "patient,label\n000,ill\n1,ill\nzoe,well\n")}
    assert found == {"A17": None, "scans/yan": None, "zoe": "well", "scans/wes": None}


def test_a_row_that_may_be_of_several_patients_is_refused(tmp_path: Path) -> None:
    top = volumes(tmp_path / "scans", "yan/T1.nii", "zoe/T1.nii")
    with pytest.raises(UserError, match=r"T1\.nii may be a file of several patients"):
        read(top, "file,label\nT1.nii,ill\n")
    assert {one.label for one in read(top, "file,label\nyan/T1.nii,ill\n")} == {"ill", None}
    with pytest.raises(UserError, match="two columns `label`"):
        read(top, "file,label,Label\nyan/T1.nii,ill,well\n")


def test_a_table_without_patients_leaves_folders_patients(tmp_path: Path) -> None:
    for who in ("jane", "john"):
        for number in range(3):
            (tmp_path / "scans" / who).mkdir(parents=True, exist_ok=True)
            pixels = texture((12, 12), number + 10 * len(who), high=255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "scans" / who / f"{number}.png")
    series = read(tmp_path / "scans", "file,label\njane/0.png,ill\njane/1.png,well\njohn/2.png,well\n")
    assert patients(series) == 2
    assert sorted(str(one.label) for one in series) == ["None", "None", "None", "ill", "well", "well"]


def test_a_table_without_patients_leaves_visits_together(tmp_path: Path) -> None:
    top = volumes(tmp_path / "scans", "A1_pre.nii.gz", "A1_post.nii.gz", "A2_pre.nii.gz")
    series = read(top, "file,label\nA1_pre.nii.gz,a\nA1_post.nii.gz,b\nA2_pre.nii.gz,a\n")
    assert patients(series) == 2
    assert all(one.listed and one.whose == "file name" for one in series)


def test_a_patient_for_some_files_only_takes_the_rest_of_its_patient_along(tmp_path: Path) -> None:
    top = volumes(tmp_path / "scans", "A1_pre.nii.gz", "A1_post.nii.gz", "A1_late.nii.gz", "A2_pre.nii.gz")
    assert patients(read(top, "file,patient,label\nA1_pre.nii.gz,X,a\nA1_post.nii.gz,,b\n")) == 2
    # Nobody says whose A1_late is: X, Y and it are one.
    assert patients(read(top, "file,patient\nA1_pre.nii.gz,X\nA1_post.nii.gz,Y\n")) == 2
    assert patients(read(top, "file,patient\nA1_pre.nii.gz,X\nA1_post.nii.gz,Y\nA1_late.nii.gz,Y\n")) == 3


def test_the_table_joins_what_names_part(tmp_path: Path) -> None:
    top = volumes(tmp_path / "scans", "A1.nii.gz", "B7.nii.gz", "C3.nii.gz")
    series = read(top, "file,patient\nA1.nii.gz,X\nB7.nii.gz, x \n")
    assert patients(series) == 2
    assert sorted(one.whose for one in series) == ["file name", "table", "table"]


@pytest.mark.parametrize("column", ["A1", "a1", "A01", "A1_pre"])
def test_rows_of_patients_find_them_by_name_however_written(tmp_path: Path, column: str) -> None:
    top = volumes(tmp_path / "scans", "A1_pre.nii.gz", "A1_post.nii.gz", "A2_pre.nii.gz")
    series = read(top, f"patient,label\n{column},ill\n")
    assert patients(series) == 2
    assert any(one.label == "ill" for one in series)


def test_rows_of_dicom_patients_find_them_through_issuers_and_zeros(tmp_path: Path) -> None:
    for number, (patient, issuer) in enumerate((("0042", "X"), ("42", ""), ("43", "X"))):
        write_dicom(
            tmp_path / "scans" / f"{number}.dcm", texture((16, 16), number, 0, 1000).astype(np.int16),
            PatientID=patient, IssuerOfPatientID=issuer, SeriesInstanceUID=f"1.2.{number}",
        )  # fmt: skip
    series = read(tmp_path / "scans", "patient,label\n42,ill\n43,well\n")
    assert patients(series) == 2
    assert sorted(str(one.label) for one in series) == ["ill", "ill", "well"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_in_unicode_with_a_mark_or_without(tmp_path: Path, encoding: str) -> None:
    series = read(volumes(tmp_path / "scans", "A1.nii.gz"), "patient,label\nA1,Nävus\n", encoding)
    assert [one.label for one in series] == ["Nävus"]


def test_a_table_in_latin_1_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="UTF-8"):
        read(volumes(tmp_path / "scans", "A1.nii.gz"), "patient,label\nA1,Nävus\n", "latin-1")


@pytest.mark.parametrize(
    ("said", "stored"), [("F", "F"), ("male", "M"), ("weiblich", "F"), ("Other", "O"), ("unknown", None)]
)
def test_sex_is_one_of_three_terms(tmp_path: Path, said: str, stored: str | None) -> None:
    (one,) = read(volumes(tmp_path / "scans", "A1.nii.gz"), f"patient,sex\nA1,{said}\n")
    assert one.sex == stored


@pytest.mark.parametrize(
    "row",
    ["A1,Jane Doe,", "A1,1,", "A1,F^M,", 'A1,F,"ill\nwell"', "A1,F,\x1b[31mill", "A1,F," + "x" * 65, "A1,F,a\u202eb",
     "A1,F,a\0b"],
)  # fmt: skip
def test_what_is_no_category_is_refused_and_its_line_named(tmp_path: Path, row: str) -> None:
    with pytest.raises(UserError, match=r"line 2: the (sex|label)") as said:
        read(volumes(tmp_path / "scans", "A1.nii.gz"), f"patient,sex,label\n{row}\n")
    assert "Doe" not in str(said.value)

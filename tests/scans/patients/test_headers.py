"""Whose a DICOM object is: issuers, padding, IDs that stand for nobody, and studies."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from helpers.scan_files import texture, write_dicom, write_nifti
from PIL import Image
from pydicom.uid import generate_uid

from medattngan.scans.find import examine, stacks, walk
from medattngan.scans.patients.headers import Header, header, is_nobody, owners
from medattngan.scans.series import Series


def count(*headers: tuple[str, str, str] | tuple[str, str, str, str]) -> int:
    """How many patients; whatever the order."""
    counts = set()
    for some in list(permutations(headers))[:24]:
        found = owners(header(*one[:3], one[3] if len(one) > 3 else f"s/{one[2]}.dcm") for one in some)
        counts.add(len({owner.key for owner in found.values()}))
        assert {one: owner.said for one, owner in found.items()} == {
            one: owner.said for one, owner in owners(sorted(found)).items()
        }
    assert len(counts) == 1
    return counts.pop()


def test_an_issuer_in_one_study_only_makes_no_second_patient() -> None:
    assert count(("7", "", "1"), ("7", "HOSPITAL", "2")) == 1
    assert count(("7", "A", "1"), ("7", "B", "2")) == 2
    assert count(("7", "A", "1"), ("7", "a ", "2")) == 1
    assert count(("7", "A", "1"), ("7", "B", "2"), ("7", "", "3")) == 1
    assert count(("7", "A", "1"), ("8", "A", "2")) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("123", "123 "),
        ("123", "00123"),
        ("AB-12", "ab12"),
        ("P 7", "P7"),
        ("１２", "12"),
        ("x\0", "x"),
        ("A_1", "A.01"),
        ("1234567890", "123 456 7890"),
        ("12^^^HOSP&1.2&ISO", "12"),
        ("12^4^M11^HOSP&1.2&ISO", "12"),
        ("XYZ-001-V1", "XYZ-001-V2"),
        ("P12_pre", "p12 FU 3"),
    ],
)
def test_padding_case_and_signs_make_no_second_patient(one: str, other: str) -> None:
    assert count((one, "", "1"), (other, "", "2")) == 1


def test_unlike_numbers_are_unlike_patients() -> None:
    assert count(("123", "", "1"), ("1230", "", "2"), ("12-3", "", "3"), ("P123", "", "4")) == 4
    assert count(("101-S-12", "", "1"), ("101-S-13", "", "2"), ("01-M12", "", "3"), ("01-M13", "", "4")) == 4
    assert count(("1-234567", "", "1"), ("12-34567", "", "2")) == 2
    assert count(("123456", "A", "1"), ("123456", "B", "2"), ("12-3456", "A", "3")) == 2


@pytest.mark.parametrize(
    "nobody",
    ["", " ", "ANONYMOUS", "Anon", "anonymized", "anonymous patient", "0", "000", "UNKNOWN", "N/A", "None", "XXXX", "-",
     "***", "DE-IDENTIFIED", "No ID", "99999", "^", "REMOVED"],
)  # fmt: skip
def test_an_id_that_stands_for_nobody_is_one_patient_and_never_two(nobody: str) -> None:
    assert is_nobody(nobody)
    studies = [generate_uid() for _ in range(3)]
    assert count((nobody, "", studies[0]), ("ANON", "", studies[1]), ("", "X", studies[2])) == 1
    assert count((nobody, "", studies[0]), ("P1", "", studies[1])) == 2


@pytest.mark.parametrize("somebody", ["ANON017", "anon_3", "1", "DOE3", "patient", "X1", "0001", "NAN1", "9"])
def test_a_pseudonym_is_somebody(somebody: str) -> None:
    assert not is_nobody(somebody)


def test_an_object_without_an_id_is_of_the_patient_of_its_study() -> None:
    assert count(("P1", "", "1.2"), ("", "", "1.2"), ("P2", "", "1.3")) == 2
    assert count(("P1", "", "1.2"), ("P2", "", "1.2")) == 2
    # It may be either's, and so both are one.
    assert count(("P1", "", "1.2"), ("P2", "", "1.2"), ("ANON", "", "1.2")) == 1


def test_a_study_is_of_one_patient_whatever_its_ids() -> None:
    study, other = generate_uid(), generate_uid()
    assert count(("P1", "", study), ("P2", "", study), ("P3", "", other)) == 2
    assert count(("P1", "", study), ("P2", "", study), ("P2", "", other), ("P3", "", other)) == 1


def test_where_a_header_names_nobody_a_path_may() -> None:
    studies = [generate_uid() for _ in range(4)]
    assert count(
        ("ANON", "", studies[0], "s/patient1/a.dcm"), ("ANON", "", studies[1], "s/patient1/b.dcm"),
        ("ANON", "", studies[2], "s/patient2/c.dcm"), ("ANON", "", studies[3], "s/x/d.dcm"),
    ) == 3  # fmt: skip
    assert (
        count(("", "", studies[0], "s/sub-1/a.dcm"), ("", "", studies[0], "s/b.dcm"), ("", "", studies[1], "s/c.dcm"))
        == 2
    )


def test_a_header_with_an_id_forgets_its_path() -> None:
    assert header("P1", "", "1", "a") == header("P1", "", "1", "b") == Header("P1", "", "1", "")


def read(top: Path) -> list[Series]:
    return stacks([examine(item) for item in walk([top])], None, False)


def test_padding_within_a_series_leaves_it_one_stack(tmp_path: Path) -> None:
    for number in range(6):
        write_dicom(
            tmp_path / "scans" / f"{number}.dcm",
            texture((16, 16), number, 0, 1000).astype(np.int16),
            PatientID=("123", "0123", "123 ")[number % 3],
            IssuerOfPatientID="X" if number % 2 else "",
            ImagePositionPatient=[0.0, 0.0, 3.0 * number],
        )
    (one,) = read(tmp_path / "scans")
    assert len(one.pieces) == 6


def test_a_volume_in_the_folder_of_a_dicom_patient_is_that_patients(tmp_path: Path) -> None:
    for patient in (1, 2):
        folder = tmp_path / "scans" / f"patient{patient}"
        pixels = texture((16, 16), patient, 0, 1000).astype(np.int16)
        write_dicom(folder / "dicom" / "1.dcm", pixels, PatientID=f"MRN{patient}", SeriesInstanceUID=f"1.2.{patient}")
        write_nifti(folder / "T1.nii.gz", texture((12, 12, 4), patient))
        write_nifti(tmp_path / "scans" / f"MRN{patient}_T2.nii.gz", texture((12, 12, 4), 5 + patient))
    series = read(tmp_path / "scans")
    assert len(series) == 6
    assert len({one.patient for one in series}) == 2


def of_one(top: Path, *files: str) -> None:
    """Scans at `files`, by their suffix; a DICOM file has an ID of its folder's own."""
    for seed, file in enumerate(files):
        path = top / file
        if path.suffix == ".dcm":
            pixels = texture((16, 16), seed, 0, 1000).astype(np.int16)
            write_dicom(path, pixels, PatientID=f"MRN{path.parent.name}", SeriesInstanceUID=f"1.2.{seed}")
        elif path.suffix == ".png":
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(texture((16, 16), seed, 0, 255).astype(np.uint8)).save(path)
        else:
            write_nifti(path, texture((12, 12, 4), seed))


@pytest.mark.parametrize(
    "files",
    [
        ("{}/dcm{}/1.dcm", "{}/T1.nii"),
        ("dicom/{}/1.dcm", "nifti/{}.nii"),
        ("dicom/{}/1.dcm", "nifti/{}/T1.nii", "png/{}_001.png"),
        ("{}/1.dcm", "{}.nii"),
        ("{}/a.png", "{}/T1.nii"),
        ("png/{}/a.png", "nifti/{}_T1.nii"),
    ],
)
@pytest.mark.parametrize("of_smith_alone", [0, -1])
def test_scans_of_several_kinds_that_go_by_one_name_are_one_patients(
    tmp_path: Path, files: tuple[str, ...], of_smith_alone: int
) -> None:
    """Even where one of two patients alone has scans of a kind."""
    top = tmp_path / "scans"
    of_jones = [file for file in files if file != files[of_smith_alone]]
    of_one(
        top, *(file.format("smith", "smith") for file in files), *(file.format("jones", "jones") for file in of_jones)
    )
    whose = {one.pieces[0].relative: one.patient for one in read(top)}
    assert len(whose) == len(files) + len(of_jones)
    for name, count in (("smith", 1), ("jones", 1)):
        assert len({patient for file, patient in whose.items() if name in file}) == count
    assert len(set(whose.values())) == 2


def test_a_folder_of_volumes_beside_one_of_dicom_is_no_patient(tmp_path: Path) -> None:
    of_one(tmp_path / "scans", "dicom/x/1.dcm", "brainlab/001.nii", "brainlab/002.nii")
    assert len({one.patient for one in read(tmp_path / "scans")}) == 3


def test_a_volume_that_bears_an_id_of_two_issuers_may_be_of_either(tmp_path: Path) -> None:
    for seed, issuer in enumerate("AB"):
        pixels = texture((16, 16), seed, 0, 1000).astype(np.int16)
        path = tmp_path / "scans" / issuer / "1.dcm"
        write_dicom(path, pixels, PatientID="123", IssuerOfPatientID=issuer, SeriesInstanceUID=f"1.2.{seed}")
    assert len({one.patient for one in read(tmp_path / "scans")}) == 2
    write_nifti(tmp_path / "scans" / "nifti" / "123.nii", texture((12, 12, 4), 5))
    assert len({one.patient for one in read(tmp_path / "scans")}) == 1


def test_a_visit_in_an_id_of_a_known_data_set_is_no_second_patient() -> None:
    studies = [f"1.2.826.0.1.3680043.8.498.{k}" for k in range(4)]
    ids = ("sub-01_ses-1", "sub-01_ses-2", "OAS2_0001_MR1", "OAS2_0001_MR2")
    assert count(*((who, "", study, "a.dcm") for who, study in zip(ids, studies, strict=True))) == 2

"""A folder is a label by itself only if its name cannot be a person's."""

from __future__ import annotations

import pytest

from medattngan.core.files import UserError
from medattngan.scans.patients.labels_of_folders import folder_labels
from medattngan.scans.patients.names import is_finding


def pictures(*folders: str, count: int = 25) -> list[str]:
    return [f"scans/{folder}/{number}.png" for folder in folders for number in range(count)]


@pytest.mark.parametrize(
    "names",
    [("NORMAL", "PNEUMONIA"),
     ("Viral Pneumonia", "COVID-19", "Lung_Opacity"), ("MildDemented", "NonDemented"),
     ("yes", "no"), ("glioma_tumor", "no_tumor"), ("grade 1", "grade 2"), ("CN", "AD"),
     ("benign", "malignant", "normal")],
)  # fmt: skip
def test_findings_are_labels(names: tuple[str, ...]) -> None:
    assert set(folder_labels(pictures(*names), False).values()) == set(names)


@pytest.mark.parametrize(
    "names",
    [("jane", "john"), ("Doe_Jane", "Roe_Richard"), ("NORMAL", "Schmidt"), ("normal", "1962-04-02"), ("P01", "P02"),
     ("001", "002"), ("normal 12345", "ill 23456"), ("Doe^Jane", "Roe^Jo"), ("Müller, Änne", "normal")],
)  # fmt: skip
def test_names_are_no_labels(names: tuple[str, ...]) -> None:
    assert folder_labels(pictures(*names), False) == {}


def test_few_pictures_or_many_folders_are_no_labels() -> None:
    assert folder_labels(pictures("normal", "ill", count=19), False) == {}
    assert folder_labels(pictures("normal"), False) == {}


@pytest.mark.parametrize(
    "name", ["Doe^Jane", "Doe, Jane", "sub-07", "patient12", "IXI012", "19620402", "a\nb", "\x1b[31m", "x" * 65]
)
def test_labels_that_the_user_asks_for_are_refused_where_they_are_plainly_patients(name: str) -> None:
    with pytest.raises(UserError, match="looks like a patient") as said:
        folder_labels(pictures("normal", name), True)
    assert str(said.value).isprintable()


def test_labels_that_the_user_asks_for_may_be_any_word() -> None:
    assert set(folder_labels(pictures("zebra", "Type 2", "T1"), True).values()) == {"zebra", "Type 2", "T1"}


def test_a_surname_is_no_finding() -> None:
    assert not any(map(is_finding, ("Smith", "Yes^No", "Mc Normal", "Anna", "")))

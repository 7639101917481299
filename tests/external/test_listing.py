"""What is in a folder of slices is read in natural order, or counted and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.scan_files import write_dicom
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medattngan.core.files import UserError
from medattngan.data.intensity import IntensityMap
from medattngan.external.listing import natural
from medattngan.external.open import open_slices

GREY = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_in_names_count_as_numbers(numbers: list[int]) -> None:
    names = [f"a{number}b" for number in numbers]
    assert sorted(names, key=natural) == [f"a{number}b" for number in sorted(numbers)]


@given(st.lists(st.text()))
def test_natural_order_is_one_order_of_any_names(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural) == sorted(backwards, key=natural)


def test_folders_are_in_natural_order_too(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        (tmp_path / f"class{number}").mkdir()
        Image.fromarray(GREY).save(tmp_path / f"class{number}" / "a.png")
    assert open_slices(tmp_path).labels == ["class1", "class9", "class10"]


def test_pictures_of_several_kinds_are_all_read_and_it_is_said(tmp_path: Path) -> None:
    for name in ("1.png", "2.webp", "3.tif", "4.bmp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        Image.fromarray(GREY).save(tmp_path / name, **options)
    found = open_slices(tmp_path)
    assert (found.pixels == GREY).all()
    assert len(found) == 4
    assert found.notes == ["the samples are files of several kinds: 1 .bmp, 1 .png, 1 .tif, 1 .webp"]


def test_pictures_are_found_by_what_is_in_them(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a")
    assert len(open_slices(tmp_path)) == 1


def test_what_is_no_picture_is_left_out_and_counted(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "readme.txt").write_text("x")
    (tmp_path / "scan.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    (tmp_path / "NOTES").write_text("x")
    for hidden in (".DS_Store", "._a.png", ".thumbs/b.png"):
        (tmp_path / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / hidden).write_bytes(b"x")
    found = open_slices(tmp_path)
    assert len(found) == 1
    said = "3 files were left out, since they are no pictures: 1 .heic, 1 .txt, 1 without suffix"
    assert found.notes == [said]
    assert found.unit(IntensityMap(0, 1, "a.u.")).notes == [said]


def test_no_word_of_a_name_or_a_folder_is_repeated(tmp_path: Path) -> None:
    given = tmp_path / "Kanarie_1901"
    given.mkdir()
    Image.fromarray(GREY).save(given / "a.png")
    (given / "a.png").rename(given / "a.Kanarie")
    Image.fromarray(GREY).save(given / "b.png")
    (given / "report.Kanarie 1901").write_text("x")
    assert open_slices(given).notes == [
        "the samples are files of several kinds: 1 .png, 1 other",
        "1 file was left out, since it is no picture: 1 other",
    ]


def test_links_are_followed_and_those_that_lead_nowhere_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("in", "elsewhere"):
        (tmp_path / folder).mkdir()
        Image.fromarray(GREY).save(tmp_path / folder / "a.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "absent")
    monkeypatch.chdir(tmp_path)
    found = open_slices(Path("in"))
    assert found.labels == [None, "linked"]
    assert found.notes == ["1 file was left out, since it is no picture: 1 .png"]


def test_pictures_beside_dicom_are_left_out_and_counted(tmp_path: Path) -> None:
    for number in (10, 9):
        pixels = np.full((8, 8), number, np.uint16)
        write_dicom(tmp_path / f"{number}.dcm", pixels, RescaleIntercept=-1024)
    Image.fromarray(GREY).save(tmp_path / "a.png")
    found = open_slices(tmp_path)
    assert found.kind == "dicom"
    assert found.pixels[:, 0, 0].tolist() == [9 - 1024, 10 - 1024]
    assert found.notes == ["1 file was left out, since it is no DICOM: 1 .png"]


def test_a_folder_of_other_things_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(bytes(400))
    with pytest.raises(UserError, match="medattngan ingest"):
        open_slices(tmp_path)


def test_pixels_that_are_not_square_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png", dpi=(200, 100))
    with pytest.raises(UserError, match="2 times as tall as wide; resample"):
        open_slices(tmp_path)

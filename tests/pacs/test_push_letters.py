"""Files whose pixels show letters are not sent unless a reason is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from helpers.fake_pacs import FakePacs
from helpers.lettered import codes_with_letters
from helpers.push_cases import NOBODY, rows_of
from pydicom import Dataset

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.pacs.instances import read_instance
from medattngan.pacs.letters import shows_letters
from medattngan.pacs.push import push
from medattngan.stages.export.export import export

KNOWN = {"lower": 0.0, "upper": 800.0, "unit": "a.u.", "modality": "MR", "plane": "axial", "spacing_mm": 2.0}


def exported(path: Path, which: list[bool], **options: object) -> Path:
    table = pd.DataFrame({"seed": range(len(which)), "label": pd.array([None] * len(which), "string")})
    source = Samples(codes_with_letters(which), table, KNOWN, {})
    return export(source, path, letters="keep", **options).path  # type: ignore[arg-type]


def test_a_file_that_shows_letters_keeps_all_from_being_sent(tmp_path: Path, pacs: FakePacs) -> None:
    folder = exported(tmp_path / "dicom", [False, True])
    with pytest.raises(UserError, match="1 of 2 files show what looks like letters") as told:
        push(folder, url=pacs.url, credentials=NOBODY, progress=False)
    assert "1961" not in str(told.value)
    assert not (tmp_path / "dicom.push.csv").exists()


def test_a_reason_lets_them_go_and_stands_in_the_journal(tmp_path: Path, pacs: FakePacs) -> None:
    folder = exported(tmp_path / "dicom", [True])
    with pytest.raises(UserError, match="--allow-letters is empty"):
        push(folder, url=pacs.url, credentials=NOBODY, progress=False, allow_letters=" ")
    report = push(folder, url=pacs.url, credentials=NOBODY, progress=False, allow_letters="markers were looked at")
    assert report.ok
    rows = rows_of(report.journal)
    assert [row["detail"] for row in rows if row["state"] == "allow-letters"] == ["markers were looked at"]


def test_a_stamped_word_that_the_header_tells_of_is_no_reason_to_refuse(tmp_path: Path, pacs: FakePacs) -> None:
    folder = exported(tmp_path / "dicom", [False], stamp=True)
    assert push(folder, url=pacs.url, credentials=NOBODY, progress=False).ok


def with_one_odd_pixel(pixels: np.ndarray, header: Dataset) -> np.ndarray:
    pixels[0, 0] = 65535
    return pixels


def through_a_window_beside_them(pixels: np.ndarray, header: Dataset) -> np.ndarray:
    header.WindowCenter, header.WindowWidth = 100_000, 100
    return pixels


def through_the_second_window_alone(pixels: np.ndarray, header: Dataset) -> np.ndarray:
    pixels[:4] = 65535
    header.WindowCenter, header.WindowWidth = [100_000, header.WindowCenter], [100, header.WindowWidth]
    return pixels


@pytest.mark.parametrize(
    "hide",
    [with_one_odd_pixel, through_a_window_beside_them, through_the_second_window_alone],
    ids=lambda one: one.__name__,
)
def test_no_pixel_and_no_window_hides_letters(hide: Callable[..., np.ndarray], tmp_path: Path) -> None:
    folder = exported(tmp_path / "dicom", [False, True])
    plain, lettered = sorted(folder.rglob("*.dcm"))[:2]
    for file, shows in ((plain, False), (lettered, True)):
        header = pydicom.dcmread(file)
        header.PixelData = hide(header.pixel_array.copy(), header).tobytes()
        header.save_as(file)
        found = read_instance(file, file.name)
        assert found is not None
        assert shows_letters(found) == shows

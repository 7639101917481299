"""Files whose pixels show letters are not sent unless a reason is given."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from helpers.fake_pacs import FakePacs
from helpers.lettered import codes_with_letters
from helpers.push_cases import NOBODY, rows_of

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
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

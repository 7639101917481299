"""Synthetic slices that show letters are exported only when that is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.export_cases import MR, files_of
from helpers.lettered import codes_with_letters

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.scans.text.letters import rows_with_letters
from medattngan.stages.export.export import export


def samples(which: list[bool]) -> Samples:
    table = pd.DataFrame({"seed": range(len(which)), "label": pd.array([None] * len(which), "string")})
    return Samples(codes_with_letters(which), table, dict(MR), {})


def test_slices_with_letters_are_refused_counted_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 of 4 slices show what looks like letters"):
        export(samples([False, True, False, True]), tmp_path / "dicom")
    assert not (tmp_path / "dicom").exists()


def test_they_are_left_out_or_kept_where_that_is_said(tmp_path: Path) -> None:
    left = export(samples([False, True, False]), tmp_path / "left", letters="leave-out")
    kept = export(samples([False, True, False]), tmp_path / "kept", letters="keep")
    assert (left.slices, kept.slices) == (2, 3)
    assert (len(files_of(tmp_path / "left")), len(files_of(tmp_path / "kept"))) == (2, 3)
    record = json.loads((tmp_path / "left" / "provenance.json").read_text())
    assert (record["left_out"]["lettered"], record["options"]["letters"]) == (1, "leave-out")
    assert any("--letters: 1 slice left out" in note for note in left.notes)


def test_slices_without_letters_are_the_same_whatever_is_said(tmp_path: Path) -> None:
    one = export(samples([False, False]), tmp_path / "one")
    other = export(samples([False, False]), tmp_path / "other", letters="leave-out")
    assert one.slices == other.slices == 2


def test_where_all_slices_show_letters_none_is_left_to_export(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all 2 slices show what looks like letters"):
        export(samples([True, True]), tmp_path / "dicom", letters="leave-out")
    with pytest.raises(UserError, match="--letters blur is not one of refuse, leave-out, keep"):
        export(samples([False]), tmp_path / "dicom", letters="blur")


def test_letters_are_seen_where_slices_use_few_of_all_codes() -> None:
    codes = codes_with_letters([True, False, True])
    narrow = (codes // 32 + 32_000).astype(np.uint16)  # 2,048 of 65,536 codes, as HU in signed 16 bits
    assert rows_with_letters(narrow, [0, 1, 2]) == rows_with_letters(codes, [0, 1, 2]) == [0, 2]
    assert rows_with_letters(np.zeros_like(codes), [0, 1]) == []
    assert rows_with_letters(codes, []) == []

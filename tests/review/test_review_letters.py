"""A study shows letters on neither side."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.lettered import codes_with_letters
from helpers.review_cases import write_samples, write_store

from medattngan.core.files import UserError
from medattngan.review.create import create_study
from medattngan.scans.text.letters import rows_with_letters


def folders(tmp_path: Path, synthetic: list[bool], real: list[bool]) -> tuple[Path, Path]:
    samples = write_samples(tmp_path / "samples", codes_with_letters(synthetic))
    return samples, write_store(tmp_path / "store", codes_with_letters(real)).path


def test_letters_on_either_side_are_passed_over_and_counted(tmp_path: Path) -> None:
    samples, store = folders(tmp_path, [True, False, False], [False, True, False, True])
    create_study(samples, store, tmp_path / "study", count=2, seed=1)
    cases = np.load(tmp_path / "study" / "cases.npy")
    assert len(cases) == 4
    assert rows_with_letters(cases, range(4)) == []
    record = json.loads((tmp_path / "study" / "provenance.json").read_text())
    assert 1 <= record["left_out_for_letters"] <= 3


def test_a_study_that_needs_them_is_refused_and_says_how_to_keep_them(tmp_path: Path) -> None:
    samples, store = folders(tmp_path, [False, False], [True, True])
    with pytest.raises(UserError, match=r"1 asks for more real slices than the \d there are, \d with letters left out"):
        create_study(samples, store, tmp_path / "study", count=1, seed=1)
    create_study(samples, store, tmp_path / "study", count=1, seed=1, letters="keep")
    assert rows_with_letters(np.load(tmp_path / "study" / "cases.npy"), range(2)) != []
    assert json.loads((tmp_path / "study" / "provenance.json").read_text())["left_out_for_letters"] is None


def test_what_shows_no_letters_is_chosen_as_if_nobody_had_looked(tmp_path: Path) -> None:
    samples, store = folders(tmp_path, [False] * 4, [False] * 5)
    for letters in ("leave-out", "keep"):
        create_study(samples, store, tmp_path / letters, count=2, seed=3, letters=letters)
    looked, kept = (np.load(tmp_path / letters / "cases.npy") for letters in ("leave-out", "keep"))
    assert np.array_equal(looked, kept)

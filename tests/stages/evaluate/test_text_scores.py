"""Slices that show what is said score as real ones do, and slices that show something else score by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.captioned import captioned_store

from medattngan.conditions.text import Text
from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.evaluate.text import attributes, text_scores


@pytest.fixture(scope="module")
def store(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return captioned_store(tmp_path_factory.mktemp("told") / "store", tiny_store)


def scores(store: SliceStore, folder: Path, turned: bool) -> dict[str, Any]:
    """Of the slices of the validation patients, with their captions or with the other one."""
    other = {"small blob": "large blob", "large blob": "small blob"}
    captions = [str(one).split("\n")[0] for one in store.split("val").index["text"]]
    return scores_of(store, folder, [other[one] if turned else one for one in captions])


def scores_of(store: SliceStore, folder: Path, captions: list[str]) -> dict[str, Any]:
    """Of the slices of the validation patients, told these."""
    part = store.split("val")
    table = pd.DataFrame({"seed": 0, "label": None, "text": captions}, index=range(len(part)))
    Samples(part.all_codes(), table, dict(store.intensity), {"synthetic": True}).save(folder)
    return text_scores(folder, store, "test", 0)


@pytest.mark.slow
def test_slices_of_their_captions_are_told_and_those_of_others_are_not(store: SliceStore, tmp_path: Path) -> None:
    own, other = scores(store, tmp_path / "own", False), scores(store, tmp_path / "other", True)
    accuracy, found = (next(name for name in own if name.startswith(one)) for one in ("attribute", "r_precision"))
    assert own["words"] == ["large", "small"] or len(own["words"]) >= 1
    assert own[accuracy]["value"] == 1.0
    assert own[accuracy]["real"]["value"] == 1.0
    assert own[found]["value"] == pytest.approx(own[found]["real"]["value"])
    assert own[found]["value"] > 0.9
    assert other[accuracy]["value"] < 0.1
    assert other[found]["value"] < 0.1
    assert own[accuracy]["chance"] == 0.5
    assert 0.2 < own[found]["chance"] < 0.8, (
        "two captions, equally common: a picture dealt either is right half the time"
    )


@pytest.mark.slow
def test_slices_told_a_second_caption_are_passed_over_and_lack_no_word_of_the_first(
    store: SliceStore, tmp_path: Path
) -> None:
    lines = [str(one).split("\n") for one in store.split("val").index["text"]]
    told = [one[-1] if i % 4 == 3 else one[0] for i, one in enumerate(lines)]
    found = scores_of(store, tmp_path / "mixed", told)
    accuracy = next(name for name in found if name.startswith("attribute"))
    assert found["passed_over"] == told.count("axial bright blob") > 0
    assert found[accuracy]["value"] == found[accuracy]["real"]["value"] == 1.0


def test_slices_that_were_all_told_the_same_are_refused(store: SliceStore, tmp_path: Path) -> None:
    count = len(store.split("val"))
    with pytest.raises(UserError, match="do not differ in any word"):
        scores_of(store, tmp_path / "one", ["small blob"] * count)
    with pytest.raises(UserError, match="not the first of the store"):
        scores_of(store, tmp_path / "second", ["axial bright blob"] * count)


def test_words_of_all_slices_of_none_and_those_that_stand_together_are_no_attributes() -> None:
    text = Text(("and", "axial", "brain", "kidney", "stem", "thalamus"))
    captions = ["axial brain stem and", "axial thalamus", "axial brain stem and thalamus"]
    assert attributes(text, captions) == ["brain", "thalamus"]


def test_samples_or_stores_without_captions_are_refused(
    tiny_store: SliceStore, store: SliceStore, tmp_path: Path
) -> None:
    table = pd.DataFrame({"seed": [0, 0], "label": [None, None]})
    Samples(np.zeros((2, 32, 32), np.uint16), table, dict(store.intensity), {}).save(tmp_path / "s")
    with pytest.raises(UserError, match=r"--text: .*/s has no captions; leave --text out"):
        text_scores(tmp_path / "s", store, "test", 0)

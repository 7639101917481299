"""Stacks: neighbouring slices of one series or one synthetic volume, to be scrolled through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.review_cases import INTENSITY, SIZE, Reader, blobs, make_stacks, serving, write_samples, write_store
from PIL import Image

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.review.create import create_study
from medattngan.review.grid import place
from medattngan.review.slices import _synthetic
from medattngan.review.stacks import neighbours, of_volumes
from medattngan.review.study import Study


def table(positions: list[float], series: list[str], **columns: object) -> pd.DataFrame:
    """An index of slices."""
    frame = pd.DataFrame({"series": series, "patient": series, "position_mm": positions, "label": None})
    return frame.assign(**columns)


def test_a_stack_holds_neighbours_of_one_series_in_the_order_of_their_positions(tmp_path: Path) -> None:
    made = make_stacks(tmp_path / "s", depth=5)
    study = Study.open(made.path)
    assert study.cases.shape == (6, 1, 5, SIZE, SIZE)
    codes = blobs(48, 0)
    for row in pd.read_parquet(made.path / "truth.parquet").itertuples():
        first = row.first_row + (24 if row.synthetic else 0)
        assert row.last_row - row.first_row == 4
        assert row.first_row // 8 == row.last_row // 8, "of one series"
        for at in range(5):
            source = place(codes[first + at], study.facts["levels"], 0).astype(int)
            assert np.abs(source - study.cases[row.case, 0, at]).max() <= 65535 / study.facts["levels"] + 1


def test_a_gap_between_slices_ends_a_stack() -> None:
    index = table([0.0, 3, 6, 12, 15, 18, 21], ["a"] * 7)
    assert neighbours(index, 3, "store").rows == [[0, 1, 2], [3, 4, 5], [4, 5, 6]]
    assert neighbours(index, 4, "store").rows == [[3, 4, 5, 6]]


def test_slices_without_a_position_are_in_no_stack() -> None:
    index = table([6.0, np.nan, 0, 3], ["a"] * 4)
    assert neighbours(index, 3, "store").rows == [[2, 3, 0]]
    with pytest.raises(UserError, match="no series with 4 neighbouring slices of known position"):
        neighbours(index, 4, "store")


def test_a_stack_is_flagged_where_a_slice_of_it_is() -> None:
    samples = pd.DataFrame({"volume": [0] * 3 + [1] * 3, "flagged": [False, True, False, False, False, False]})
    made = of_volumes(samples, 3, "samples", np.random.default_rng(0))
    assert made.rows == [[0, 1, 2], [3, 4, 5]]
    assert list(made.table["flagged"]) == [True, False]


@pytest.mark.parametrize("kind", ["pictures", "arrays"])
def test_a_folder_a_volume_is_a_stack_each_in_the_natural_order_of_names(tmp_path: Path, kind: str) -> None:
    store = write_store(tmp_path / "store", blobs(24, 0), patient=["a"] * 24, series=["a"] * 24)
    volumes = (blobs(24, 1) >> 8).astype(np.uint8).reshape(2, 12, SIZE, SIZE)
    for number, volume in enumerate(volumes):
        if kind == "arrays":
            (tmp_path / "made").mkdir(exist_ok=True)
            np.save(tmp_path / "made" / f"{number}.npy", volume)
        else:
            folder = tmp_path / "made" / f"patient {number}"
            folder.mkdir(parents=True)
            for at, one in enumerate(volume):
                Image.fromarray(one).save(folder / f"{at + 1}.png")  # 10.png comes after 9.png
    create_study(tmp_path / "made", store, tmp_path / "study", count=2, depth=12, seed=1)
    study = Study.open(tmp_path / "study")
    truth = pd.read_parquet(tmp_path / "study" / "truth.parquet")
    for row in truth[truth["synthetic"]].itertuples():
        volume = volumes[row.first_row // 12].astype(int) * 257
        trimmed = np.clip((volume / 65535 - 0.02) / 0.96, 0, 1) * 65535
        assert np.abs(trimmed - study.cases[row.case, 0]).max() <= 65535 / study.facts["levels"] + 1


def test_single_slices_are_asked_which_volume_they_are_of(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", blobs(8, 0), patient=["a"] * 8, series=["a"] * 8)
    samples = write_samples(tmp_path / "samples", blobs(8, 1))
    with pytest.raises(UserError, match="column 'volume'"):
        create_study(samples, store, tmp_path / "study", count=1, depth=3)
    with pytest.raises(UserError, match="--depth is 0"):
        create_study(samples, store, tmp_path / "study", count=1, depth=0)
    assert not (tmp_path / "study").exists()


def test_the_default_questions_speak_of_stacks(tmp_path: Path) -> None:
    protocol = Study.open(make_stacks(tmp_path / "s").path).protocol
    assert protocol.authenticity.text == "Is this stack real or synthetic?"
    assert "scroll" in protocol.instructions


def test_a_pair_of_stacks_is_sent_left_first_and_each_from_its_first_slice(tmp_path: Path) -> None:
    made = make_stacks(tmp_path / "s", depth=4, pairs=True)
    stored = np.load(made.path / "cases.npy")
    assert stored.shape == (3, 2, 4, SIZE, SIZE)
    with serving(made.path) as address:
        reader = Reader(address, made.tokens[0])
        told = reader.http.get("/api/study").json()
        assert (told["count"], told["sides"], told["depth"]) == (3, 2, 4)
        shown = [reader.http.get(f"/api/cases/{n}/pixels").content for n in (1, 2, 3)]
        assert sorted(shown) == sorted(case.tobytes() for case in stored)


def test_each_volume_of_a_folder_of_samples_has_the_store_s_values(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", blobs(8, 0))
    for number, unit in enumerate((INTENSITY["unit"], "HU")):
        told = pd.DataFrame({"number": range(4), "seed": 0, "label": pd.array([None] * 4, "string")})
        samples = Samples(blobs(4, number), told, {**INTENSITY, "unit": unit}, {"synthetic": True, "seed": 0})
        samples.save(tmp_path / "volumes" / f"v{number}")
    with pytest.raises(UserError, match=r"the unit of .*v1 is HU but that of"):
        _synthetic(tmp_path / "volumes", store, None, 3)

"""Stacks are neighbouring slices of one series with one spacing, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.tiny_volumes import PATIENTS, SLICES, STEP_MM, write_volume_store

from medattngan.conditions.table import measured
from medattngan.core.files import UserError
from medattngan.data.images import load_images
from medattngan.data.stack_batches import StackBatches, batches_of
from medattngan.data.store import SliceStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return write_volume_store(tmp_path_factory.mktemp("volumes"))


def changed(store: SliceStore, rows: pd.Series | np.ndarray, **values: float | str) -> SliceStore:
    """The store as if its index said otherwise of some rows."""
    index = store.index.copy()
    for name, value in values.items():
        index.loc[rows, name] = value
    return SliceStore(store.path, index, np.arange(len(index)))


@pytest.mark.parametrize("step_mm", [None, STEP_MM, 2 * STEP_MM])
def test_a_stack_is_a_row_of_slices_of_one_series_one_step_apart(store: SliceStore, step_mm: float | None) -> None:
    stacks = store.stacks(5, step_mm)
    every = 1 if step_mm is None else round(step_mm / STEP_MM)
    assert len(stacks) == PATIENTS * (SLICES - 4 * every)
    assert np.allclose(np.diff(stacks.positions_mm(), axis=1), stacks.step_mm)
    assert stacks.step_mm == every * STEP_MM
    series = store.index["series"].to_numpy()[stacks.rows]
    assert (series == series[:, :1]).all()
    assert stacks.set_aside == {}
    assert np.array_equal(stacks.codes(3)[2], store.codes(int(stacks.rows[3, 2])))


def test_the_order_of_a_store_does_not_matter(store: SliceStore) -> None:
    shuffled = np.random.default_rng(0).permutation(len(store))
    other = SliceStore(store.path, store.index.iloc[shuffled].reset_index(drop=True), shuffled)
    here, there = store.stacks(SLICES), other.stacks(SLICES)
    assert here.patients() == there.patients()
    assert all(np.array_equal(here.codes(i), there.codes(i)) for i in range(PATIENTS))


def test_series_that_are_no_stack_are_set_aside_by_reason(store: SliceStore) -> None:
    series = store.index["series"]
    first = [np.flatnonzero(series == name) for name in sorted(series.unique())]
    spoilt = changed(store, first[0][[3]], position_mm=float("nan"))
    spoilt = changed(spoilt, first[1][[3]], position_mm=float(store.index["position_mm"].iloc[first[1][2]]))
    spoilt = changed(spoilt, first[2], spacing_mm=7.0)
    gap = spoilt.select(np.arange(len(spoilt)) != first[3][5])
    stretched = changed(gap, (gap.index["series"] == series.iloc[first[4][0]]).to_numpy(), position_mm=0.0)
    stretched.index.loc[stretched.index["series"] == series.iloc[first[4][0]], "position_mm"] = 3.1 * np.arange(SLICES)
    short = stretched.select(
        (stretched.index["series"] != series.iloc[first[5][0]]) | (stretched.index.index % SLICES < 4)
    )
    found = SliceStore(short.path, short.index, short._rows).stacks(8)
    assert set(found.set_aside) <= {"no position", "two at one place", "gaps", "another step", "another pixel size",
                                    "too few slices"}  # fmt: skip
    assert found.set_aside["no position"] == found.set_aside["gaps"] == found.set_aside["another step"] == 1
    assert found.set_aside["two at one place"] == found.set_aside["another pixel size"] == 1
    left = {str(name) for name in found.store.index["series"].to_numpy()[found.rows[:, 0]]}
    assert left <= {f"series-{i:02d}" for i in range(5, PATIENTS)}


def test_a_store_without_a_stack_says_why(store: SliceStore) -> None:
    with pytest.raises(UserError, match=r"no stack of 17 slices 2 mm apart \(10 series: the series is shorter"):
        store.stacks(17)
    with pytest.raises(UserError, match=r"no stack of 4 slices 3 mm apart \(10 series: no whole number of slices"):
        store.stacks(4, 3.0)


def test_one_each_lies_nearest_to_the_place_asked_for(store: SliceStore) -> None:
    stacks = store.stacks(5)
    chosen = stacks.one_each(20.0)
    assert chosen.patients() == sorted(set(stacks.patients()))
    away = np.abs(chosen.positions_mm().mean(1) - 20.0)
    assert away.max() <= STEP_MM / 2 + 1e-6


def test_batches_hold_whole_stacks_and_an_epoch_shows_each_once(store: SliceStore) -> None:
    part = store.split("train")
    told = measured(part.index, False, ("position_mm",))
    batches = batches_of(part, 32, 16, 0, told, 8, None)
    assert isinstance(batches, StackBatches)
    count = len(batches.stacks)
    seen = []
    for step in range(count // 2):
        rows = np.asarray(batches.rows(step)).reshape(2, 8)
        seen += [tuple(row) for row in rows.tolist()]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= {tuple(row) for row in batches.stacks.rows.tolist()}
    images, conditions = batches(1)
    rows = batches.rows(1)
    assert images.equal(load_images(part, rows))
    assert conditions["position_mm"].equal(told[0].encode(part.index["position_mm"].to_numpy()[rows]))


def test_a_batch_that_is_no_whole_number_of_stacks_is_refused(store: SliceStore) -> None:
    with pytest.raises(UserError, match=r"train\.batch_size is 12, which is no whole number of stacks of 8"):
        batches_of(store.split("train"), 32, 12, 0, (), 8, None)


def test_what_a_run_keeps_of_its_stacks_is_of_no_one_patient(store: SliceStore, tmp_path: Path) -> None:
    part = store.split("train")
    batches = batches_of(part, 32, 16, 0, measured(part.index, False, ("position_mm",)), 8, 4.0)
    assert isinstance(batches, StackBatches)
    record = batches.record()
    assert (record["depth"], record["step_mm"], record["slices"]) == (8, 4.0, 8)  # 30 mm of 16 slices 2 mm apart
    assert record["centre_mm"] == round(np.median(part.index.groupby("series")["position_mm"].mean()))

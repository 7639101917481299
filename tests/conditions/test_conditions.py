"""A run keeps the distribution of a condition and no patient's value; what it was not trained on is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan.conditions.numbers import LEVELS, Number, measure, possible
from medattngan.conditions.table import RESERVED, draw, encoded, measured, of_run
from medattngan.core.files import UserError
from medattngan.data.store import SliceStore

AGE = Number("age", tuple(np.linspace(20.0, 80.0, len(LEVELS))))


def cohort(ages: list[float], slices: int = 2) -> pd.DataFrame:
    """`slices` slices of each patient."""
    patients = [f"p{i}" for i in range(len(ages))]
    return pd.DataFrame({"patient": np.repeat(patients, slices), "age": np.repeat(ages, slices)})


@settings(deadline=None)
@given(st.sets(st.integers(0, 10_000), min_size=9, max_size=40))
def test_no_value_is_kept_that_fewer_than_three_patients_reach(ages: set[int]) -> None:
    ranked = sorted(map(float, ages))
    kept = measure(cohort(ranked), "age")
    step = (ranked[-3] - ranked[2]) / 100
    assert kept.lower == pytest.approx(ranked[2], abs=step)
    assert kept.upper == pytest.approx(ranked[-3], abs=step)
    assert list(kept.quantiles) == sorted(kept.quantiles)
    hidden = [age for age in (*ranked[:2], *ranked[-2:]) if not ranked[2] - step <= age <= ranked[-3] + step]
    assert not set(hidden) & set(kept.quantiles)


def test_positions_are_rounded_so_that_no_scan_is_known_by_its_decimals() -> None:
    index = pd.DataFrame({"patient": np.repeat(["a", "b", "c"], 20), "position_mm": np.arange(60) * 3.0 + 0.123456})
    index["position_mm"] = np.tile(np.arange(20) * 3.0, 3) + np.repeat([0.123456, 0.2, 0.3], 20)
    assert all(round(value, 1) == value for value in measure(index, "position_mm").quantiles)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_what_is_drawn_lies_in_the_range_and_keeps_the_order(shares: list[float]) -> None:
    values = AGE.at(shares)
    AGE.require(values)
    told = AGE.standardise(values)
    assert told.min() >= -1
    assert told.max() <= 1
    assert (np.diff(AGE.at(sorted(shares))) >= 0).all()


def test_many_draws_have_the_distribution_of_the_training_slices() -> None:
    rng = np.random.default_rng(0)
    index = pd.DataFrame({"patient": rng.integers(0, 40, 4000).astype(str), "x": rng.normal(size=4000) ** 2})
    drawn = draw([measure(index, "x")], 4000, seed=3)["x"]
    for level in (0.1, 0.5, 0.9):
        assert np.quantile(drawn, level) == pytest.approx(np.quantile(index["x"], level), abs=0.1)


def test_the_first_of_many_draws_are_those_of_few_and_conditions_are_drawn_apart() -> None:
    two = [AGE, Number("bmi", AGE.quantiles)]
    few, many = draw(two, 3, seed=5), draw(two, 300, seed=5)
    assert all(np.array_equal(few[name], many[name][:3]) for name in ("age", "bmi"))
    assert abs(np.corrcoef(many["age"], many["bmi"])[0, 1]) < 0.2
    assert not np.array_equal(few["age"], draw(two, 3, seed=6)["age"])
    assert {name: one.shape for name, one in encoded(two, few).items()} == {"age": (3,), "bmi": (3,)}


def test_a_condition_comes_back_from_the_record_of_the_run() -> None:
    assert of_run({"conditions": [AGE.record()]}) == (AGE,)
    assert of_run({"labels": []}) == ()


@pytest.mark.parametrize("value", [19.9, 80.1, float("nan"), float("inf")])
def test_a_value_beyond_the_range_is_refused_with_the_range(value: float) -> None:
    with pytest.raises(UserError, match=r"--condition age=.* trained on: 20 to 80"):
        AGE.require([50.0, value])


def test_what_cannot_be_a_condition_is_refused_by_name(tiny_store: SliceStore) -> None:
    assert possible(tiny_store.index) == ["position_mm", "spacing_mm"]
    with pytest.raises(UserError, match=r"has weight, .* only position_mm, spacing_mm"):
        measure(tiny_store.index, "weight")
    with pytest.raises(UserError, match="has label"):
        measure(tiny_store.index, "label")
    holed = tiny_store.index.assign(position_mm=tiny_store.index["position_mm"].mask(tiny_store.index.index < 5))
    with pytest.raises(UserError, match="5 of 72 training slices have none"):
        measure(holed, "position_mm")
    with pytest.raises(UserError, match="no range of it is left"):
        measure(tiny_store.index, "spacing_mm")
    with pytest.raises(UserError, match="no range of it is left"):
        measure(cohort([30.0, 40.0]), "age")


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_condition_cannot_bear_the_name_of_a_column_of_samples(name: str) -> None:
    index = pd.DataFrame({"patient": list("abcdef"), name: np.arange(6.0)})
    with pytest.raises(UserError, match=f"data.conditions has {name}, which samples have a column of"):
        measured(index, False, (name,))

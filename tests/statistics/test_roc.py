"""Areas under the ROC curve: one definition, however it is worked out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from medattngan.statistics.roc import area, areas_of_deals, auc_components


def test_the_area_is_that_of_mann_and_whitney_ties_included() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 9, 50).astype(float), rng.integers(0, 7, 70).astype(float)
    assert area(members, others) == pytest.approx(mannwhitneyu(members, others).statistic / (50 * 70))


def test_weights_count_as_repeats() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.normal(size=12), rng.normal(size=15)
    a, b = rng.integers(0, 4, 12), rng.integers(0, 4, 15)
    assert area(members, others, a.astype(float), b.astype(float)) == pytest.approx(
        area(np.repeat(members, a), np.repeat(others, b))
    )


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000))
def test_components_deals_and_weights_give_the_same_area(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ones, others = (rng.integers(1, 6, rng.integers(1, 20)).astype(np.float64) for _ in range(2))
    whole = area(ones, others)
    dealt = np.arange(len(ones) + len(others)) < len(ones)
    assert areas_of_deals(np.concatenate([ones, others]), dealt[None]).tolist() == [whole]
    for part in auc_components(ones, others):
        assert part.mean() == pytest.approx(whole)
    assert area(others, ones) == pytest.approx(1 - whole)


def test_a_deal_without_a_class_has_no_area() -> None:
    scores, deals = np.array([1.0, 2.0]), np.array([[True, True], [False, False], [False, True]])
    np.testing.assert_array_equal(areas_of_deals(scores, deals), [np.nan, np.nan, 1.0])

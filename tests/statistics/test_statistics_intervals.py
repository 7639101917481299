"""Intervals of shares and areas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from medattngan.statistics.intervals import newcombe_auc, wilson


@settings(deadline=None)
@given(count=st.integers(1, 500), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_is_that_of_scipy(count: int, share: float, level: float) -> None:
    right = round(share * count)
    reference = binomtest(right, count).proportion_ci(level, method="wilson")
    assert wilson(right, count, level) == pytest.approx((reference.low, reference.high), abs=1e-9)


@settings(deadline=None)
@given(count=st.integers(1, 200), halves=st.integers(0, 400))
def test_wilson_of_the_wrong_answers_mirrors_that_of_the_right_ones(count: int, halves: int) -> None:
    right = min(halves / 2, count)
    low, high = wilson(right, count)
    assert 0 <= low <= right / count <= high <= 1
    assert wilson(count - right, count) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("share", [0.5, 0.6, 0.9])
@pytest.mark.parametrize("count", [20, 50, 100])
def test_wilson_covers_the_true_share_nearly_as_often_as_it_says(share: float, count: int) -> None:
    right = np.arange(count + 1)
    covered = [low <= share <= high for low, high in (wilson(int(value), count) for value in right)]
    assert binom.pmf(right, count, share)[covered].sum() == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize(("right", "count"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_share(right: int, count: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(right, count)


@settings(deadline=None)
@given(area=st.floats(0, 1), synthetic=st.integers(1, 200), real=st.integers(1, 200))
def test_the_interval_of_an_area_holds_it_and_mirrors_and_stays_open_at_the_ends(
    area: float, synthetic: int, real: int
) -> None:
    low, high = newcombe_auc(area, synthetic, real)
    assert 0 <= low <= area + 1e-9
    assert area - 1e-9 <= high <= 1
    assert high - low > 1e-4
    assert newcombe_auc(1 - area, synthetic, real) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_the_ends_of_the_interval_of_an_area_solve_their_equation() -> None:
    low, high = newcombe_auc(0.8, 30, 20, 0.95)
    for theta in (low, high):
        inside = 1 + 24 * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        assert abs(0.8 - theta) == pytest.approx(1.959964 * np.sqrt(theta * (1 - theta) * inside / 600), rel=1e-5)
    assert newcombe_auc(1.0, 30, 20)[0] < 0.95

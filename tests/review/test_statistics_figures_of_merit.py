"""Accuracy, areas and d′ against closed forms and reference implementations."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.reader_reads import grids_of, simulated_reads
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu, norm
from sklearn.metrics import roc_auc_score

from medattngan.review.statistics.merits import MERITS, auc, boundary_interval, cliffs_delta
from medattngan.review.statistics.pooling import reader_covariance
from medattngan.review.statistics.reads import Reads, arrange
from medattngan.review.statistics.signal_detection import criterion, d_prime, slope
from medattngan.statistics.roc import mean_curve, roc_points

STEPS = st.integers(1, 5).map(float)
EXAMPLES = settings(max_examples=50, deadline=None)
TRUTH = np.arange(10) % 2 == 0
GRIDS = arrays(np.float64, (3, 10), elements=STEPS)


def arranged(scores: np.ndarray, synthetic: np.ndarray = TRUTH) -> Reads:
    return grids_of(scores, synthetic)


def values(scores: np.ndarray, synthetic: np.ndarray = TRUTH) -> dict[str, np.ndarray]:
    reads = arranged(scores, synthetic)
    return {name: merit_of(reads).values for name, merit_of in MERITS.items()}


def test_a_hand_counted_reader_gets_the_hand_computed_figures() -> None:
    # Synthetic: 5 4 3 1, so 2½ of 4 hits. Real: 1 2 3 5, so 1½ of 4 false alarms.
    found = values(np.array([[5.0, 4, 3, 1, 1, 2, 3, 5]]), np.arange(8) < 4)
    assert found["accuracy"] == found["balanced_accuracy"] == pytest.approx(5 / 8)
    assert found["sensitivity"] == pytest.approx(2.5 / 4)
    assert found["specificity"] == pytest.approx(2.5 / 4)
    # 5 beats 1 2 3 and ties 5; 4 beats 1 2 3; 3 beats 1 2 and ties 3; 1 ties 1.
    assert found["auc"] == pytest.approx((3.5 + 3 + 2.5 + 0.5) / 16)
    assert found["d_prime"] == pytest.approx(2 * norm.ppf(3 / 5))
    assert found["criterion"] == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
@EXAMPLES
@given(GRIDS)
def test_the_area_is_that_of_scikit_learn_and_of_mann_whitney(scores: np.ndarray) -> None:
    for row, area in zip(scores, values(scores)["auc"], strict=True):
        assert area == pytest.approx(roc_auc_score(TRUTH, row))
        assert area == pytest.approx(mannwhitneyu(row[TRUTH], row[~TRUTH]).statistic / 25)


@EXAMPLES
@given(GRIDS)
def test_swapping_real_and_synthetic_mirrors_every_figure(scores: np.ndarray) -> None:
    here, there = values(scores, TRUTH), values(scores, ~TRUTH)
    for name in ("accuracy", "balanced_accuracy", "auc"):
        np.testing.assert_allclose(there[name], 1 - here[name])
    np.testing.assert_allclose(there["sensitivity"], 1 - here["specificity"])
    np.testing.assert_allclose(there["d_prime"], -here["d_prime"])
    np.testing.assert_allclose(there["criterion"], here["criterion"])


@pytest.mark.slow
@EXAMPLES
@given(GRIDS, st.permutations(range(10)), st.permutations(range(3)))
def test_the_order_of_cases_and_readers_changes_nothing(
    scores: np.ndarray, cases: list[int], readers: list[int]
) -> None:
    here, there = values(scores), values(scores[readers][:, cases], TRUTH[cases])
    for name, figure in here.items():
        np.testing.assert_allclose(there[name], figure[readers], atol=1e-12)


@EXAMPLES
@given(GRIDS)
def test_the_mean_of_what_the_cases_add_is_the_area(scores: np.ndarray) -> None:
    merit = auc(arranged(scores))
    assert merit.synthetic is not None
    assert merit.real is not None
    np.testing.assert_allclose(merit.synthetic.mean(axis=1), merit.values)
    np.testing.assert_allclose(merit.real.mean(axis=1), merit.values)


@EXAMPLES
@given(GRIDS)
def test_the_covariance_of_areas_is_that_of_delong(scores: np.ndarray) -> None:
    wins = np.array(
        [[[np.sign(one - other) / 2 + 0.5 for other in row[~TRUTH]] for one in row[TRUTH]] for row in scores]
    )
    expected = np.cov(wins.mean(axis=2)) / 5 + np.cov(wins.mean(axis=1)) / 5
    np.testing.assert_allclose(reader_covariance(auc(arranged(scores))), expected, atol=1e-12)


@EXAMPLES
@given(GRIDS)
def test_cliffs_delta_counts_pairs(scores: np.ndarray) -> None:
    reads = arranged(scores)
    for row, delta in zip(scores, cliffs_delta(reads, reads.scores).values, strict=True):
        pairs = np.sign(row[TRUTH][:, None] - row[~TRUTH][None])
        assert delta == pytest.approx(pairs.mean())


@EXAMPLES
@given(GRIDS)
def test_the_area_under_the_curve_drawn_is_the_area(scores: np.ndarray) -> None:
    curves = [roc_points(row[TRUTH], row[~TRUTH], np.arange(1.0, 6)) for row in scores]
    areas = values(scores)["auc"]
    for (false_alarms, hits), area in zip(curves, areas, strict=True):
        assert np.trapezoid(hits, false_alarms) == pytest.approx(area)
    false_alarms, hits = mean_curve(curves)
    assert np.trapezoid(hits, false_alarms) == pytest.approx(areas.mean())


def test_an_unbiased_observer_of_known_d_prime_is_found() -> None:
    assert d_prime(norm.cdf(1.0), norm.cdf(-1.0)) == pytest.approx(2.0)
    assert criterion(norm.cdf(1.0), norm.cdf(-1.0)) == pytest.approx(0.0, abs=1e-12)
    assert criterion(norm.cdf(0.5), norm.cdf(-1.5)) == pytest.approx(0.5)


def test_a_reader_who_is_always_right_has_a_finite_d_prime() -> None:
    found = values(np.where(TRUTH, 5.0, 1.0)[None])
    assert found["d_prime"] == pytest.approx(2 * norm.ppf(5.5 / 6))


def test_the_variance_of_d_prime_is_that_of_gourevitch_and_galanter() -> None:
    reads = arrange(simulated_reads(np.random.default_rng(3), readers=1, cases=400))
    merit = MERITS["d_prime"](reads)
    hits, false_alarms = (float(reads.calls[0, chosen].mean()) for chosen in (reads.synthetic, ~reads.synthetic))
    found = float(reader_covariance(merit)[0, 0])
    # A half varies less than a whole, so reads with "cannot tell" vary a little less than the binomial says.
    by_formula = sum(rate * (1 - rate) / 200 * slope(rate) ** 2 for rate in (hits, false_alarms))
    assert 0.6 < found / by_formula < 1.02


def test_leaning_to_one_answer_moves_the_criterion_and_not_the_discrimination() -> None:
    found = values(np.full((1, 10), 5.0))
    assert found["balanced_accuracy"] == found["auc"] == pytest.approx(0.5)
    assert found["d_prime"] == pytest.approx(0)
    assert found["criterion"] < -1


def test_missing_reads_leave_the_rest_as_they_are() -> None:
    scores = np.random.default_rng(0).integers(1, 6, (2, 10)).astype(float)
    whole = values(scores[:, :8], TRUTH[:8])
    holes = scores.copy()
    holes[1, 8:] = np.nan
    found = values(holes)
    for name, figure in whole.items():
        assert found[name][1] == pytest.approx(figure[1])


def test_an_area_of_one_has_an_interval_as_if_the_cases_were_read_once() -> None:
    low, high = boundary_interval("auc", 1.0, 20, 20, 0.95) or (0, 0)
    assert 0.8 < low < 1 == high
    assert boundary_interval("d_prime", 3.0, 20, 20, 0.95) is None

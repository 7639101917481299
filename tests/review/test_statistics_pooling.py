"""Pooling over readers and cases."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.reader_reads import grids_of, simulated_reads
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, t

from medattngan.review.statistics.merits import MERITS, Merit, auc, balanced_accuracy, specificity
from medattngan.review.statistics.pooling import ROUNDING, bootstrap_interval, pool, reader_covariance
from medattngan.review.statistics.reads import arrange

GRIDS = arrays(np.float64, (3, 12), elements=st.integers(1, 5).map(float))


def merit(added: np.ndarray) -> Merit:
    return Merit(added.mean(axis=1), added, None, (-np.inf, np.inf), 0.0, np.arange(0))


def test_one_reader_has_the_standard_error_of_a_mean() -> None:
    added = np.random.default_rng(0).normal(size=(1, 50))
    pooled = pool(merit(added))
    assert pooled is not None
    error = added.std(ddof=1) / np.sqrt(50)
    assert pooled.error == pytest.approx(error)
    assert pooled.interval()[1] - pooled.value == pytest.approx(norm.ppf(0.975) * error)
    assert np.isnan(pooled.reader_sd)


def test_readers_who_share_no_luck_with_cases_get_the_t_interval_of_their_means() -> None:
    # Orthogonal and alternating: two readers' cases do not go together, and the shared variance is exactly 0.
    pattern = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], float)
    added = np.tile(pattern, 5) + np.array([[0.0], [4], [8]])
    pooled = pool(merit(added))
    assert pooled is not None
    assert pooled.freedom == pytest.approx(2)
    assert pooled.error == pytest.approx(4 / np.sqrt(3))
    assert pooled.interval()[1] == pytest.approx(4 + t.ppf(0.975, 2) * 4 / np.sqrt(3))


def test_readers_who_read_alike_are_worth_one_reader() -> None:
    added = np.repeat(np.random.default_rng(1).normal(size=(1, 60)), 4, axis=0)
    pooled, alone = pool(merit(added)), pool(merit(added[:1]))
    assert pooled is not None
    assert alone is not None
    assert pooled.interval() == pytest.approx(alone.interval())
    assert pooled.correlation == pytest.approx(1)
    assert pooled.reader_sd == pytest.approx(0, abs=1e-7)


@settings(max_examples=50, deadline=None)
@given(GRIDS)
def test_the_variance_is_that_of_obuchowski_rockette_and_hillis(scores: np.ndarray) -> None:
    reads = grids_of(scores, np.arange(12) < 6)
    figure = balanced_accuracy(reads)
    pooled = pool(figure)
    assert pooled is not None
    covariance = reader_covariance(figure)
    between = figure.values.var(ddof=1) if np.ptp(figure.values) > ROUNDING else 0.0  # equal but for rounding is equal
    shared = covariance[np.triu_indices(3, 1)].mean()
    assert pooled.error**2 == pytest.approx((between + max(3 * shared, 0)) / 3)
    if between > 0:
        assert pooled.freedom == pytest.approx(2 * (between + max(3 * shared, 0)) ** 2 / between**2)


@settings(max_examples=50, deadline=None)
@given(GRIDS)
def test_the_interval_for_all_readers_holds_that_for_these(scores: np.ndarray) -> None:
    pooled = pool(auc(grids_of(scores, np.arange(12) < 6)))
    assert pooled is not None
    wide, narrow = pooled.interval(), pooled.interval_cases()
    assert wide[0] <= narrow[0] <= pooled.value <= narrow[1] <= wide[1]
    assert 0 <= wide[0] <= wide[1] <= 1


def test_a_class_with_one_case_has_no_interval() -> None:
    assert pool(auc(grids_of(np.array([[1.0, 2, 3]]), np.array([True, False, False])))) is None


def test_the_bootstrap_of_a_mean_of_cases_is_that_of_the_closed_form() -> None:
    added = np.random.default_rng(2).normal(size=(1, 200))
    low, high = bootstrap_interval(merit(added), np.random.default_rng(0)) or (0, 0)
    half = norm.ppf(0.975) * added.std() / np.sqrt(200)
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)
    assert (high + low) / 2 == pytest.approx(added.mean(), abs=0.15 * half)


def test_the_bootstrap_draws_readers_too() -> None:
    added = np.random.default_rng(2).normal(size=(6, 200)) * 0.01 + np.arange(6)[:, None]
    low, high = bootstrap_interval(merit(added), np.random.default_rng(0)) or (0, 0)
    assert high - low == pytest.approx(2 * norm.ppf(0.975) * np.arange(6).std() / np.sqrt(6), rel=0.1)


def test_slices_of_a_patient_that_say_the_same_tell_no_more_than_one() -> None:
    rng = np.random.default_rng(3)
    scores, truth = rng.integers(1, 6, (3, 60)).astype(float), np.arange(60) < 30
    scores[0, 40:44] = np.nan
    once = grids_of(scores, truth)
    thrice, numbers = np.concatenate([scores, scores[:, 30:], scores[:, 30:]], axis=1), np.arange(30, 60)
    groups = np.concatenate([np.arange(60), numbers, numbers])
    patients = grids_of(thrice, np.concatenate([truth, np.zeros(60, bool)]), groups)
    slices = grids_of(thrice, np.concatenate([truth, np.zeros(60, bool)]))
    for figure in (auc, balanced_accuracy, specificity):
        want = reader_covariance(figure(once))
        assert reader_covariance(figure(patients)) == pytest.approx(want)
        assert reader_covariance(figure(slices))[0, 0] < 0.9 * want[0, 0]
        drawn = [bootstrap_interval(figure(reads), np.random.default_rng(0)) for reads in (once, patients)]
        assert drawn[0] == pytest.approx(drawn[1])


def test_the_same_seed_draws_the_same_interval() -> None:
    figure = auc(arrange(simulated_reads(np.random.default_rng(1))))
    assert bootstrap_interval(figure, np.random.default_rng(5)) == bootstrap_interval(figure, np.random.default_rng(5))


def coverage(
    readers: int, cases: int, reader_sd: float, name: str = "balanced_accuracy", studies: int = 400
) -> tuple[float, float]:
    """Share of studies whose 95 % interval (random effects, bootstrap) holds the truth."""
    rng = np.random.default_rng(7)
    synthetic, truth, held = np.arange(cases) % 2 == 0, 0.65, np.zeros(2)
    for _ in range(studies):
        skill = np.clip(truth + reader_sd * rng.standard_normal(readers), 0.02, 0.98)
        luck = np.sqrt(0.3) * rng.standard_normal(cases) + np.sqrt(0.7) * rng.standard_normal((readers, cases))
        right = norm.cdf(luck) < skill[:, None]
        figure = MERITS[name](grids_of(np.where(right == synthetic, 5.0, 1.0), synthetic))
        pooled, drawn = pool(figure), bootstrap_interval(figure, rng)
        assert pooled is not None
        assert drawn is not None
        held += [low <= truth <= high for low, high in (pooled.interval(), drawn)]
    return float(held[0] / studies), float(held[1] / studies)


@pytest.mark.slow
@pytest.mark.parametrize(("readers", "reader_sd"), [(3, 0.05), (5, 0.05), (5, 0.0)])
def test_the_pooled_interval_covers_the_truth_as_often_as_it_says(readers: int, reader_sd: float) -> None:
    model, bootstrap = coverage(readers, 60, reader_sd)
    print(f"{readers} readers, sd {reader_sd}: random effects {model:.3f}, bootstrap {bootstrap:.3f}")
    assert model >= 0.92

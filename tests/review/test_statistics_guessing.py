"""Tests against guessing, and the power of a study."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.reader_reads import grids_of, simulated_reads
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, fisher_exact, nct, norm, t

from medattngan.core.files import UserError
from medattngan.review.statistics.guessing import binomial_power, holm, permutation_p, reader_tests
from medattngan.review.statistics.merits import balanced_accuracy
from medattngan.review.statistics.plan import plan_study
from medattngan.review.statistics.pooling import pool
from medattngan.review.statistics.power import Precision, detection_power, exclusion_power, precision
from medattngan.review.statistics.reads import arrange

TRUTH = np.arange(20) % 2 == 0


def test_a_reader_is_tested_on_the_decided_reads_by_the_exact_binomial() -> None:
    scores = np.where(TRUTH, 5.0, 1.0)
    scores[:4] = 3
    scores[4:6] = 6 - scores[4:6]
    (test,) = reader_tests(grids_of(scores[None], TRUTH), 0.6, 0.05)
    assert test.decided == 16
    assert test.p == pytest.approx(binomtest(14, 16).pvalue)


def test_always_the_commoner_answer_is_no_knowledge() -> None:
    truth = np.arange(20) < 16
    (test,) = reader_tests(grids_of(np.full((1, 20), 4.0), truth), 0.6, 0.05)
    assert test.p == pytest.approx(1)
    assert binomtest(16, 20).pvalue < 0.05, "the binomial would have been fooled"


def test_with_unequal_counts_the_test_is_that_of_fisher() -> None:
    truth = np.arange(20) < 12
    scores = np.array([[5.0] * 9 + [1] * 3 + [5] * 2 + [1] * 6])
    (test,) = reader_tests(grids_of(scores, truth), 0.6, 0.05)
    assert test.p == pytest.approx(fisher_exact([[9, 2], [3, 6]])[1])


def test_a_reader_who_never_decides_has_no_p() -> None:
    (test,) = reader_tests(grids_of(np.full((1, 20), 3.0), TRUTH), 0.6, 0.05)
    assert (test.p, test.power) == (None, 0.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.floats(0.5, 1))
def test_the_power_of_the_binomial_is_the_sum_over_what_it_rejects(count: int, accuracy: float) -> None:
    expected = sum(
        float(binom.pmf(right, count, accuracy))
        for right in range(count + 1)
        if count and binomtest(right, count).pvalue <= 0.05
    )
    assert binomial_power(count, accuracy) == pytest.approx(expected, abs=1e-9)
    assert 0 <= binomial_power(count, 0.5) <= 0.05 + 1e-9


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, None, 0.02]) == pytest.approx([0.04, 0.03, None, 0.04])


def test_the_permutation_p_of_a_perfect_reader_is_that_of_all_deals() -> None:
    truth = np.arange(8) < 4
    reads = grids_of(np.where(truth, 5.0, 1.0)[None], truth)
    # 2 of the 70 deals are as far from chance: the truth and its mirror image.
    assert permutation_p(reads, reads.calls, np.random.default_rng(0)) == pytest.approx(2 / 70, abs=0.006)


def test_the_permutation_p_of_one_balanced_reader_is_that_of_fisher() -> None:
    truth = np.arange(40) < 20
    scores = np.array([[5.0] * 14 + [1] * 6 + [5] * 6 + [1] * 14])
    reads = grids_of(scores, truth)
    found = permutation_p(reads, reads.calls, np.random.default_rng(0))
    assert found == pytest.approx(fisher_exact([[14, 6], [6, 14]])[1], abs=0.006)


def test_readers_who_fall_for_the_same_cases_are_not_taken_for_knowing() -> None:
    """One reader's answers copied nine times: pooled reads would look like ten times the evidence."""
    truth = np.arange(20) < 10
    once = np.array([[5.0] * 7 + [1] * 3 + [5] * 4 + [1] * 6])
    one, ten = (grids_of(np.repeat(once, count, axis=0), truth) for count in (1, 10))
    found = [permutation_p(reads, reads.calls, np.random.default_rng(0)) for reads in (one, ten)]
    assert found[0] == found[1]


@pytest.mark.slow
def test_guessers_with_leanings_are_caught_no_oftener_than_alpha() -> None:
    rng = np.random.default_rng(0)
    truth, found = np.arange(30) < 15, []
    for _ in range(150):
        lean = rng.standard_normal((3, 1)) + rng.standard_normal(30)
        steps = np.digitize(lean + rng.standard_normal((3, 30)), (-1, 0, 0.5, 1)) + 1.0
        reads = grids_of(steps, truth)
        found.append(permutation_p(reads, reads.scores, rng))
    assert np.mean(np.array(found) <= 0.05) <= 0.09
    assert np.mean(np.array(found) <= 0.5) == pytest.approx(0.5, abs=0.11)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 0.2), st.floats(0.5, 0.9))
def test_with_a_known_error_the_power_to_detect_is_that_of_the_normal_test(error: float, accuracy: float) -> None:
    shift = (accuracy - 0.5) / error
    expected = norm.sf(1.959964 - shift) + norm.cdf(-1.959964 - shift)
    assert detection_power(Precision(error, np.inf), accuracy) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("freedom", "shift"), [(2.0, 1.5), (4.0, 3.0), (30.0, 2.5)])
def test_with_an_estimated_error_it_is_that_of_the_noncentral_t(freedom: float, shift: float) -> None:
    edge = float(t.ppf(0.975, freedom))
    expected = nct.sf(edge, freedom, shift) + nct.cdf(-edge, freedom, shift)
    assert detection_power(Precision(0.1, freedom), 0.5 + 0.1 * shift) == pytest.approx(expected, abs=0.003)


def test_with_a_known_error_the_power_to_exclude_has_a_closed_form() -> None:
    expected = 2 * norm.cdf(0.1 / 0.03 - norm.ppf(0.95)) - 1
    assert exclusion_power(Precision(0.03, np.inf), 0.6) == pytest.approx(expected)
    assert exclusion_power(Precision(0.2, np.inf), 0.6) == 0


def test_one_reader_needs_the_textbook_number_of_cases() -> None:
    needed = ((norm.ppf(0.975) * 0.5 + norm.ppf(0.8) * np.sqrt(0.24)) / 0.1) ** 2
    assert plan_study(readers=1).cases_to_detect == pytest.approx(needed, rel=0.03)
    assert plan_study(readers=1).cases_to_exclude == pytest.approx(((1.6449 + 1.2816) * 0.5 / 0.1) ** 2, rel=0.02)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.floats(0, 0.08), st.floats(0, 0.5))
def test_more_cases_never_hurt_and_just_enough_are_enough(readers: int, reader_sd: float, correlation: float) -> None:
    plan = plan_study(
        readers=readers, reader_sd=reader_sd, correlation=correlation, readers_table=(), cases_table=(50, 100, 400)
    )
    assert plan.power["power_to_exclude"].is_monotonic_increasing
    if plan.cases_to_exclude is not None:
        cases = plan.cases_to_exclude
        assert exclusion_power(precision(readers, cases, reader_sd, correlation), 0.6) >= 0.8
        assert cases == 2 or exclusion_power(precision(readers, cases - 2, reader_sd, correlation), 0.6) < 0.8


def test_a_plan_says_when_no_number_of_cases_is_enough() -> None:
    plan = plan_study(readers=3, reader_sd=0.06)
    assert plan.cases_to_exclude is None
    assert "ask more readers" in plan.text
    assert "—" in plan.text


def test_speaking_for_these_readers_only_takes_fewer_cases() -> None:
    these, all_readers = plan_study(these_readers_only=True), plan_study()
    assert these.cases_to_exclude is not None
    assert all_readers.cases_to_exclude is not None
    assert these.cases_to_exclude < all_readers.cases_to_exclude
    assert "these readers only" in these.text


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"accuracy_excluded": 0.5}, "accuracy"),
        ({"power": 1.0}, "power"),
        ({"alpha": 0.5}, "alpha"),
        ({"readers": 0}, "readers"),
        ({"reader_sd": -0.1}, "reader_sd"),
        ({"correlation": 1.5}, "correlation"),
    ],
)
def test_a_plan_of_the_impossible_names_what_is_wrong(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(UserError, match=named):
        plan_study(**wrong)


@pytest.mark.slow
def test_simulated_studies_exclude_as_often_as_planned() -> None:
    """Guessing readers with a spread of skill and shared luck, analysed as a study is."""
    rng, held, readers, cases, reader_sd, correlation = np.random.default_rng(0), [], 5, 100, 0.03, 0.1
    truth = np.arange(cases) % 2 == 0
    latent = np.sin(np.pi * correlation / 2)  # the latent correlation of two halved normals that correlate so
    for _ in range(400):
        skill = norm.ppf(0.5 + reader_sd * rng.standard_normal((readers, 1)))
        shared = np.sqrt(latent) * rng.standard_normal(cases)
        right = shared + np.sqrt(1 - latent) * rng.standard_normal((readers, cases)) < skill
        pooled = pool(balanced_accuracy(grids_of(np.where(right == truth, 5.0, 1.0), truth)))
        assert pooled is not None
        low, high = pooled.interval(0.9)
        held.append(low > 0.4 and high < 0.6)
    planned = exclusion_power(precision(readers, cases, reader_sd, correlation), 0.6)
    print(f"planned {planned:.3f}, simulated {np.mean(held):.3f}")
    assert np.mean(held) == pytest.approx(planned, abs=0.07)


def test_simulated_readers_with_skill_are_found_out() -> None:
    reads = arrange(simulated_reads(np.random.default_rng(0), skill=0.8))
    assert (permutation_p(reads, reads.scores, np.random.default_rng(0)) or 1) < 0.01

"""Agreement between readers."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.reader_reads import read_table
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from medattngan.review.statistics.agreement import agreement, answer_counts, cohen_kappa, fleiss_kappa, kappa_interval
from medattngan.review.statistics.reads import arrange

WORKED = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ],
    float,
)
"""Ten subjects, 14 raters, five answers: the worked example of many textbooks, κ = 0.210."""

ANSWERS = arrays(np.float64, (2, 15), elements=st.integers(1, 3).map(float))


def test_fleiss_kappa_of_the_worked_example() -> None:
    agreeing = np.mean([1.0, 0.253, 0.308, 0.440, 0.330, 0.462, 0.242, 0.176, 0.286, 0.286])
    assert fleiss_kappa(WORKED) == pytest.approx(0.210, abs=5e-4)
    assert fleiss_kappa(WORKED) == pytest.approx((agreeing - 0.213) / (1 - 0.213), abs=2e-3)


def test_readers_who_never_agree_score_below_nought() -> None:
    assert fleiss_kappa(np.array([[1.0, 1], [1, 1], [1, 1]])) == pytest.approx(-1)


@settings(max_examples=50, deadline=None)
@given(ANSWERS)
def test_with_two_readers_fleiss_is_the_pi_of_scott(answers: np.ndarray) -> None:
    shares = np.array([np.mean(answers == kind) for kind in (1, 2, 3)])
    expected = float((shares**2).sum())
    assume(expected < 1)
    observed = float(np.mean(answers[0] == answers[1]))
    assert fleiss_kappa(answer_counts(answers)) == pytest.approx((observed - expected) / (1 - expected))


@settings(max_examples=50, deadline=None)
@given(ANSWERS)
def test_cohens_kappa_is_that_of_scikit_learn(answers: np.ndarray) -> None:
    assume(len(np.unique(answers)) > 1)
    assert cohen_kappa(*answers) == pytest.approx(cohen_kappa_score(*answers))


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (4, 12), elements=st.sampled_from([1.0, 2.0, np.nan])), st.permutations(range(4)))
def test_who_is_called_reader_1_does_not_matter(answers: np.ndarray, order: list[int]) -> None:
    assume(np.isfinite(answers).any())
    here, there = fleiss_kappa(answer_counts(answers)), fleiss_kappa(answer_counts(answers[order]))
    assert here == pytest.approx(there, nan_ok=True)


def test_cases_read_once_are_left_out() -> None:
    once = np.vstack([WORKED, [1, 0, 0, 0, 0]])
    assert fleiss_kappa(once) == fleiss_kappa(WORKED)


def test_the_interval_holds_the_value_and_narrows_with_cases() -> None:
    low, high = kappa_interval(WORKED, np.random.default_rng(0)) or (0, 0)
    narrow = kappa_interval(np.tile(WORKED, (16, 1)), np.random.default_rng(0)) or (0, 0)
    assert low < 0.21 < high
    assert narrow[1] - narrow[0] == pytest.approx((high - low) / 4, rel=0.25)


def test_readers_who_answer_at_random_agree_by_habit_only() -> None:
    answers = (np.random.default_rng(0).random((4, 400)) < 0.8).astype(float)
    counts = answer_counts(answers)
    low, high = kappa_interval(counts, np.random.default_rng(1)) or (1, 1)
    assert low < 0 < high
    assert high - low < 0.15


@pytest.mark.parametrize(
    ("scores", "reason"),
    [([[1.0, 5, 1, 5]], "no case has two readers"), ([[5.0, 5, 5, 5], [4, 4, 4, 4]], "one and the same answer")],
)
def test_where_there_is_no_kappa_a_sentence_says_why(scores: list[list[float]], reason: str) -> None:
    reads = arrange(read_table(np.array(scores), np.array([True, False, True, False])))
    entry = agreement(reads, np.random.default_rng(0))["fleiss"]["calls"]
    assert entry["value"] is None
    assert reason in entry["note"]


def test_a_question_that_nobody_answered_has_no_agreement() -> None:
    assert answer_counts(np.full((2, 3), np.nan)).shape == (3, 0)
    assert np.isnan(fleiss_kappa(answer_counts(np.full((2, 3), np.nan))))

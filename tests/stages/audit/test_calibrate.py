"""Thresholds that keep the stated rate of false positives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan.core.files import UserError
from medattngan.stages.audit.calibrate import least_slices, leave_one_out, rate_over_patients, thresholds
from medattngan.statistics.intervals import wilson


def flagged_by_full_conformal(pixel: np.ndarray, embedding: np.ndarray, x: tuple[float, float], rate: float) -> bool:
    """The definition, item by item: rank all with the new one among them, and count who ranks as low."""
    first, second = np.append(pixel, x[0]), np.append(embedding, x[1])
    ranks = np.minimum(first.argsort().argsort() + 1, second.argsort().argsort() + 1)
    return bool((ranks <= ranks[-1]).sum() <= np.floor(rate * len(first) + 1e-9))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(40, 90), st.sampled_from([0.05, 0.1, 0.2]))
def test_whatever_is_flagged_is_flagged_by_the_definition(seed: int, count: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    pixel, embedding = rng.normal(5, 1, (2, count)).astype(np.float32)
    limits = thresholds(pixel, embedding, rate)
    new = rng.normal(4, 1.5, (50, 2)).astype(np.float32)
    flags = limits.flag(new[:, 0], new[:, 1])
    by_definition = [flagged_by_full_conformal(pixel, embedding, (a, b), rate) for a, b in new]
    assert not (flags & ~np.array(by_definition)).any()
    # And little is lost: only a slice that is near in both spaces may be passed over.
    lost = ~flags & np.array(by_definition)
    assert lost.sum() <= 2


@pytest.mark.parametrize("correlated", [0.0, 0.7, 1.0])
def test_the_rate_of_false_positives_is_kept_on_average(correlated: float) -> None:
    rng = np.random.default_rng(1)
    rates = []
    for _ in range(150):
        shared = rng.normal(size=1200)
        other = correlated * shared + np.sqrt(1 - correlated**2) * rng.normal(size=1200)
        pixel, embedding = np.exp(shared).astype(np.float32), np.exp(other).astype(np.float32)
        limits = thresholds(pixel[:400], embedding[:400], 0.05)
        rates.append(limits.flag(pixel[400:], embedding[400:]).mean())
    assert np.mean(rates) <= 0.05 + 3 * np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) > 0.035


def test_at_1_percent_199_slices_are_needed_and_199_are_enough() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 2, (2, 199)).astype(np.float32)
    assert least_slices(0.01) == 199
    limits = thresholds(values[0], values[1], 0.01)
    assert limits.flag(np.float32([0.5]), np.float32([1.5])).all()
    with pytest.raises(UserError, match=r"need 199 held-out slices or more; there are 198"):
        thresholds(values[0, :198], values[1, :198], 0.01)


def test_the_slices_of_a_patient_never_set_their_own_threshold() -> None:
    rng = np.random.default_rng(0)
    pixel, embedding = rng.uniform(1, 2, (2, 300)).astype(np.float32)
    patients = [f"p{i // 20}" for i in range(300)]
    pixel[:20] = 0.1  # a patient whose slices are all near: pooled with themselves they would raise no flag
    flags, judged = leave_one_out(pixel, embedding, patients, 0.01)
    assert judged.all()
    assert flags[:20].all()
    assert thresholds(pixel, embedding, 0.01).flag(pixel, embedding).sum() <= 3


def test_a_patient_whose_others_are_too_few_is_neither_flagged_nor_cleared() -> None:
    pixel, embedding = np.random.default_rng(0).uniform(1, 2, (2, 380)).astype(np.float32)
    assert not leave_one_out(pixel, embedding, ["a"] * 190 + ["b"] * 190, 0.01)[1].any()
    judged = leave_one_out(pixel, embedding, ["a"] * 150 + ["b"] * 230, 0.01)[1]
    assert judged[:150].all()
    assert not judged[150:].any()


def test_the_rate_of_one_patient_says_nothing_of_others() -> None:
    found = rate_over_patients(np.array([True, False]), ["a", "a"], seed=0)
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_the_interval_of_a_rate_widens_when_its_flags_fall_on_one_patient() -> None:
    patients = [f"p{i // 20}" for i in range(400)]
    spread, gathered = np.zeros(400, bool), np.zeros(400, bool)
    spread[::20], gathered[:20] = True, True
    even = rate_over_patients(spread, patients, seed=0)
    lumped = rate_over_patients(gathered, patients, seed=0)
    assert even.value == lumped.value == 0.05
    assert (even.low, even.high) == pytest.approx((0.05, 0.05))
    assert lumped.low == 0.0
    assert lumped.high > 0.1


def test_no_flag_at_all_leaves_an_upper_end_above_0() -> None:
    rate = rate_over_patients(np.zeros(100, bool), [f"p{i // 10}" for i in range(100)], seed=0)
    assert (rate.value, rate.low, rate.high) == (0.0, 0.0, 0.3)


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share(count: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, count))
    low, high = wilson(successes, count)
    assert 0 <= low <= successes / count + 1e-9
    assert successes / count - 1e-9 <= high <= 1

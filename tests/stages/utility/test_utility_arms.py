"""What the comparison of arms must hold, whatever the classifier says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from medattngan.core.files import UserError
from medattngan.stages.utility.classifier import FeatureSet, choose_strength, fit, standardise
from medattngan.stages.utility.compare import auc, balanced_accuracy, score_arms
from medattngan.stages.utility.draw import draw_per_class, halve


def patients_table(patients: int, slices: int) -> pd.DataFrame:
    names = np.repeat([f"p{i:02d}" for i in range(patients)], slices)
    labels = np.repeat([("ill", "well")[i % 2] for i in range(patients)], slices)
    return pd.DataFrame({"patient": names, "label": labels})


@given(st.integers(2, 20), st.integers(1, 4), st.integers(0, 5))
def test_no_patient_stands_in_both_halves(patients: int, slices: int, seed: int) -> None:
    table = patients_table(patients, slices)
    pool = halve(table, seed)
    assert not set(table["patient"][pool]) & set(table["patient"][~pool])
    assert set(table["label"][pool]) == set(table["label"])


@given(st.integers(1, 8), st.integers(0, 5))
def test_a_patient_gives_a_second_slice_only_after_all_gave_one(count: int, seed: int) -> None:
    table = patients_table(8, 3)
    picked = table[draw_per_class(table, count, seed)]
    assert (picked.groupby("label").size() == count).all()
    for _, own in picked.groupby("label"):
        times = own.groupby("patient").size().reindex([f"p{i:02d}" for i in range(8)]).dropna()
        assert times.max() == -(-count // 4)


def test_a_class_with_too_few_slices_is_named() -> None:
    with pytest.raises(UserError, match="class ill has 6 slices"):
        draw_per_class(patients_table(4, 3), 7, seed=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([[0, 1], rng.integers(0, 2, 30)])
    positive = rng.integers(0, 8, 32) / 8  # with ties
    chances = np.stack([1 - positive, positive], 1)
    weights = rng.integers(1, 4, 32).astype(float)
    assert auc(truth, chances, weights) == pytest.approx(roc_auc_score(truth, positive, sample_weight=weights))
    expected = balanced_accuracy_score(truth, chances.argmax(1), sample_weight=weights)
    assert balanced_accuracy(truth, chances, weights) == pytest.approx(expected)


def test_an_arm_that_is_better_for_every_patient_and_seed_is_clear_of_zero_and_an_equal_one_is_zero() -> None:
    rng = np.random.default_rng(0)
    truth, patients = np.repeat([0, 1], 60), np.array([f"p{i}" for i in range(120)])
    noise = [rng.normal(0, 1, 120) for _ in range(4)]

    def arm(gain: float) -> list[np.ndarray]:
        positives = [1 / (1 + np.exp(-(gain * (truth - 0.5) + e))) for e in noise]
        return [np.stack([1 - p, p], 1) for p in positives]

    arms = {"weak": arm(0.5), "same": arm(0.5), "strong": arm(4.0)}
    result = score_arms(truth, patients, arms, ["weak"], replicates=300)
    for name in ("balanced_accuracy", "auc"):
        differences = result[name]["differences"]
        assert differences["strong - weak"]["ci95"][0] > 0
        assert differences["same - weak"]["ci95"] == [0.0, 0.0]
        assert result[name]["baseline"] == "weak"


def test_the_better_baseline_is_the_bar() -> None:
    truth, patients = np.array([0, 0, 1, 1]), np.array(["p", "q", "r", "s"])
    right, wrong = np.eye(2)[truth], np.eye(2)[1 - truth]
    arms = {"harmful": [wrong], "plain": [right], "made": [right]}
    result = score_arms(truth, patients, arms, ["plain", "harmful"], replicates=20)["balanced_accuracy"]
    assert result["baseline"] == "plain"
    assert {name: entry["value"] for name, entry in result["differences"].items()} == {
        "made - plain": 0.0,
        "made - harmful": 1.0,
    }


def test_however_many_copies_are_added_the_classifier_stays_the_same() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["ill", "well"] * 10)
    real = FeatureSet(
        rng.normal(size=(20, 5)) + (labels == "ill")[:, None], labels, np.array([f"p{i}" for i in range(20)])
    )
    alone = fit(real, None, 0.1, real)
    with_copies = fit(real, real + real + real, 0.1, real)
    x = standardise(real.features, real)
    np.testing.assert_allclose(with_copies.predict_proba(x), alone.predict_proba(x), atol=1e-3)


@pytest.mark.slow
def test_noise_asks_for_a_strong_penalty_and_clear_classes_for_a_weak_one() -> None:
    rng = np.random.default_rng(1)
    labels = np.array(["ill", "well"] * 20)
    groups = np.array([f"p{i}" for i in range(40)])
    noise = rng.normal(size=(40, 50))
    clear = noise + 6.0 * (labels == "ill")[:, None]
    assert choose_strength(FeatureSet(noise, labels, groups), 0) < choose_strength(FeatureSet(clear, labels, groups), 0)

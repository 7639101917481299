"""What maps and scores that say nothing reach is chance, and what says everything reaches 1."""

from __future__ import annotations

import numpy as np
import pytest

from medattngan.metrics.matching import balanced_accuracy, interval, pointed, retrieved


def test_scores_that_say_nothing_retrieve_by_chance() -> None:
    assert retrieved(np.zeros((5, 100))).tolist() == [0.01] * 5
    random = np.random.default_rng(0).random((4000, 20))
    assert retrieved(random).mean() == pytest.approx(0.05, abs=0.015)


def test_a_map_that_says_nothing_points_by_the_share_of_the_mask() -> None:
    masks = np.random.default_rng(0).random((6, 8, 8)) < 0.3
    hits, chance = pointed(np.ones((6, 4, 4)), masks)
    assert hits == pytest.approx(chance)
    assert chance == pytest.approx(masks.mean((1, 2)))


def test_a_map_that_is_the_mask_points_into_it_at_any_height() -> None:
    mask = np.zeros((1, 16, 16))
    mask[0, 4:8, 8:12] = 1
    for height in (4, 8, 16):
        small = mask.reshape(1, height, 16 // height, height, 16 // height).mean((2, 4))
        assert pointed(small, mask)[0] == pytest.approx([1.0])


def test_balanced_accuracy_of_a_guess_is_one_half_however_rare_the_word() -> None:
    said = np.arange(1000) < 20
    assert balanced_accuracy(said, np.zeros(1000, bool)) == 0.5
    assert balanced_accuracy(said, said) == 1.0
    assert np.isnan(balanced_accuracy(np.ones(4, bool), np.ones(4, bool)))


def test_an_interval_over_patients_is_wider_where_their_slices_agree() -> None:
    values = np.repeat(np.random.default_rng(0).random(20), 30)
    patients = np.repeat(np.arange(20).astype(str), 30)
    alone, grouped = interval(values, None, 0), interval(values, patients, 0)
    assert grouped[1] - grouped[0] > 3 * (alone[1] - alone[0])
    assert grouped[0] < values.mean() < grouped[1]

"""Dice's coefficient against its definition and against MONAI's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics import DiceMetric

from medattngan.metrics.dice import dice, mean_dice, overlaps


def masks(seed: int, count: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (count, 9, 9)).astype(np.uint8)


def test_dice_of_a_mask_with_itself_is_one_and_with_its_complement_nought() -> None:
    one = masks(0)
    assert dice(overlaps(one, one, 4)).tolist() == [1, 1, 1]
    binary = (one > 1).astype(np.uint8)
    assert dice(overlaps(binary, 1 - binary, 2)).tolist() == [0]


def test_dice_of_one_slice_is_monais() -> None:
    found, truth = masks(1, 1), masks(2, 1)
    reference = DiceMetric(include_background=False, num_classes=4)
    expected = reference(torch.from_numpy(found)[:, None], torch.from_numpy(truth)[:, None])[0]
    assert dice(overlaps(found, truth, 4)) == pytest.approx(expected.numpy(), abs=1e-6)


def test_a_slice_of_weight_two_counts_as_two_slices() -> None:
    found, truth = masks(3), masks(4)
    counts = overlaps(found, truth, 4)
    twice = overlaps(np.concatenate([found, found[:1]]), np.concatenate([truth, truth[:1]]), 4)
    assert mean_dice(counts, np.array([[2, 1, 1, 1, 1, 1]]))[0] == pytest.approx(mean_dice(twice))


def test_a_class_that_neither_mask_has_is_not_in_the_mean() -> None:
    one = np.minimum(masks(5), 2)
    assert np.isnan(dice(overlaps(one, one, 4))[2])
    assert mean_dice(overlaps(one, one, 4)) == 1.0

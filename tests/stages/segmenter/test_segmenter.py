"""A segmenter learns what pairs show, and augmentation keeps masks on their slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny_masks import write_masked_store

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.metrics.dice import mean_dice
from medattngan.stages.evaluate.pairs import evaluate_pairs
from medattngan.stages.segmenter.classical import classical
from medattngan.stages.segmenter.unet import Pairs, fit, judged, standardised


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return write_masked_store(tmp_path_factory.mktemp("masked-store"))


def samples_of(store: SliceStore, shift: int = 0) -> Samples:
    """Real pairs in the guise of samples; with a shift, masks that lie beside what they show."""
    part = store.split("val")
    table = part.index[["label"]].assign(seed=0)
    masks = np.roll(part.masks(range(len(part))), shift, axis=2)
    told = {"masks": {"from": "generator", "of_patients": False}}
    return Samples(part.all_codes(), table, store.intensity, told, masks=masks, classes=store.classes)


def test_classical_augmentation_moves_a_mask_with_its_slice() -> None:
    masks = torch.zeros(64, 24, 24, dtype=torch.uint8)
    masks[:, 5:12, 7:18] = 1
    images = masks[:, None].float() * 8
    source = torch.Generator().manual_seed(0)
    moved, labels = classical(images, masks, source)
    bright = moved[:, 0] > moved.amax((1, 2, 3), keepdim=True)[:, 0] / 2
    agree = ((bright == (labels == 1)).float().mean((1, 2))).sort().values
    assert agree[6:].min() > 0.9  # a few are noisy, coarse or blurred
    assert (labels != masks).any(2).any(1).float().mean() > 0.5
    assert labels.unique().tolist() == [0, 1]


def test_the_same_seed_gives_the_same_segmenter(store: SliceStore) -> None:
    pairs = [Pairs.of_store(store.split("train"))]
    before = torch.random.get_rng_state()
    one, two = (fit(pairs, 3, steps=2, seed=5, augmented=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert torch.equal(before, torch.random.get_rng_state())


def test_standardised_images_have_mean_nought_and_deviation_one() -> None:
    images = standardised(torch.rand(3, 1, 8, 8))
    assert torch.allclose(images.mean((1, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(images.std((1, 2, 3)), torch.ones(3), atol=1e-4)


@pytest.mark.slow
def test_pairs_that_fit_reach_the_ceiling_and_shifted_ones_do_not(store: SliceStore, tmp_path: Path) -> None:
    network = fit([Pairs.of_store(store.split("train"))], 3, steps=60, seed=0)
    assert mean_dice(judged(network, Pairs.of_store(store.split("test")), 3)) > 0.85
    good = evaluate_pairs(samples_of(store), store, tmp_path / "good", steps=80)
    bad = evaluate_pairs(samples_of(store, shift=4), store, tmp_path / "bad", steps=80)
    assert good["quotient"]["value"] > 0.95
    assert bad["quotient"]["value"] < 0.8
    assert good["floor"] < good["samples"]["dice"]
    assert good["nearest"]["above"] < 0.3


def test_samples_without_masks_are_not_judged_as_pairs(store: SliceStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no masks"):
        evaluate_pairs(replace(samples_of(store), masks=None, classes=None), store, tmp_path / "out", steps=1)

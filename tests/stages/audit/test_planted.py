"""Planted copies are what their names say."""

from __future__ import annotations

import pytest
import torch

from medattngan.stages.audit.planted import NOISE, PLANTED, SHIFT_PX, plant

IMAGES = torch.rand(64, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8


@pytest.mark.parametrize("kind", PLANTED)
def test_a_copy_stays_in_range_and_is_the_same_again(kind: str) -> None:
    copies = plant(kind, IMAGES, seed=4)
    assert copies.shape == IMAGES.shape
    assert copies.abs().max() <= 1
    assert torch.equal(copies, plant(kind, IMAGES, seed=4))
    assert (kind == "exact") == torch.equal(copies, IMAGES)


def test_noise_has_two_percent_of_the_range() -> None:
    assert (plant("noise", IMAGES, 0) - IMAGES).std().item() == pytest.approx(0.02 * 2, rel=0.02)
    assert NOISE == 0.04


def test_every_shifted_copy_lies_3_px_away_in_one_of_eight_directions() -> None:
    seen = set()
    for image, copy in zip(IMAGES, plant("shifted", IMAGES, 0), strict=True):
        found = [
            (dy, dx)
            for dy in (-SHIFT_PX, 0, SHIFT_PX)
            for dx in (-SHIFT_PX, 0, SHIFT_PX)
            if torch.equal(torch.roll(image, (dy, dx), (1, 2))[:, 3:-3, 3:-3], copy[:, 3:-3, 3:-3])
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == 8
    assert (0, 0) not in seen


def test_flips_go_both_ways_and_contrast_goes_up_and_down() -> None:
    flipped = plant("flipped", IMAGES, 0)
    sideways = [torch.equal(copy, image.flip(-1)) for copy, image in zip(flipped, IMAGES, strict=True)]
    upside = [torch.equal(copy, image.flip(-2)) for copy, image in zip(flipped, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(sideways, upside, strict=True))
    assert 10 < sum(sideways) < 54
    gain = plant("contrast", IMAGES, 0).std((1, 2, 3)) / IMAGES.std((1, 2, 3))
    assert gain.min() < 0.8
    assert gain.max() > 1.2

"""The area under the curve, and how discriminators are asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor, nn

from medattngan.stages.audit.membership import CHUNK, area, score_mixed


def test_the_area_is_that_of_mann_and_whitney_ties_included() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 9, 50).astype(float), rng.integers(0, 7, 70).astype(float)
    assert area(members, others) == pytest.approx(mannwhitneyu(members, others).statistic / (50 * 70))


def test_weights_count_as_repeats() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.normal(size=12), rng.normal(size=15)
    a, b = rng.integers(0, 4, 12), rng.integers(0, 4, 15)
    assert area(members, others, a.astype(float), b.astype(float)) == pytest.approx(
        area(np.repeat(members, a), np.repeat(others, b))
    )


class Counting(nn.Module):
    """Scores an image by its mean, and notes how many came together."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        self.seen.append(len(images))
        return images.mean((1, 2, 3))


def test_every_image_gets_its_own_logit_in_batches_of_one_size() -> None:
    images = torch.arange(37.0)[:, None, None, None].expand(37, 1, 4, 4)
    critic = Counting()
    assert torch.equal(score_mixed(critic, images, {}, seed=3), torch.arange(37.0))
    assert critic.seen == [CHUNK] * 3

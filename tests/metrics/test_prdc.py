"""Precision, recall, density and coverage against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.metrics import prdc
from medattngan.statistics.bootstrap import Plan

MEASURES = ("precision", "recall", "density", "coverage")


def draw(count: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)) + shift


def by_definition(real: Tensor, fake: Tensor, k: int) -> dict[str, float]:
    """The four numbers, one image at a time."""
    x, y = real.double().numpy(), fake.double().numpy()

    def radius(point: np.ndarray, side: np.ndarray) -> float:
        return float(np.sort(np.linalg.norm(side - point, axis=1))[k])  # the 0th is the point itself

    reals, fakes = [radius(p, x) for p in x], [radius(p, y) for p in y]
    near = np.array([[np.linalg.norm(a - b) for b in y] for a in x])
    return {
        "precision": float(np.mean([any(near[i, j] < reals[i] for i in range(len(x))) for j in range(len(y))])),
        "recall": float(np.mean([any(near[i, j] < fakes[j] for j in range(len(y))) for i in range(len(x))])),
        "density": sum(near[i, j] < reals[i] for i in range(len(x)) for j in range(len(y))) / (k * len(y)),
        "coverage": float(np.mean([near[i].min() < reals[i] for i in range(len(x))])),
    }


@settings(deadline=None, max_examples=15)
@given(st.integers(6, 20), st.integers(6, 20), st.floats(0, 3), st.integers(0, 100))
def test_all_four_are_their_definitions(n: int, m: int, shift: float, seed: int) -> None:
    real, fake = draw(n, seed), draw(m, seed + 1, shift)
    expected = by_definition(real, fake, prdc.NEAREST_K)
    for name in MEASURES:
        assert getattr(prdc, name)(prdc.balls(real, fake)).item() == pytest.approx(expected[name], abs=1e-12), name


def test_collapse_costs_recall_and_coverage_but_not_precision() -> None:
    real = draw(60, 0)
    collapsed = real[:1] + 0.01 * draw(60, 1)
    found = prdc.balls(real, collapsed)
    assert prdc.precision(found) == 1
    assert prdc.recall(found) < 0.1
    assert prdc.coverage(found) < 0.3


@pytest.mark.parametrize("name", MEASURES)
def test_a_replicate_that_draws_every_image_once_is_the_value(name: str) -> None:
    real, fake = draw(15, 2), draw(12, 3, 0.5)
    once = Plan(torch.ones(2, 15, dtype=torch.int64), torch.ones(2, 12, dtype=torch.int64))
    expected = getattr(prdc, name)(prdc.balls(real, fake)).expand(2)
    torch.testing.assert_close(getattr(prdc, f"{name}_replicates")(prdc.balls(real, fake), once), expected)


def test_too_few_images_is_a_sentence_with_the_number_needed() -> None:
    with pytest.raises(UserError, match="need 6 images"):
        prdc.balls(draw(5, 0), draw(9, 0))

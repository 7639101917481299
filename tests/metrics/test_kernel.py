"""The kernel distance against its definition, and its lack of bias."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.metrics.kernel import discrepancy_of_subsets, discrepancy_replicates, kernel_distance, kernels
from medattngan.statistics.bootstrap import Plan


def draw(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def by_definition(x: Tensor, y: Tensor) -> float:
    """MMD² as sums over pairs, one by one."""

    def k(a: Tensor, b: Tensor) -> float:
        return float((a.double() @ b.double() / len(a) + 1) ** 3)

    within = [
        sum(k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j) / (len(z) * (len(z) - 1))
        for z in (x, y)
    ]
    return sum(within) - 2 * float(np.mean([k(a, b) for a in x for b in y]))


def test_kernel_distance_is_its_definition() -> None:
    x, y = draw(9, 4, 0), draw(7, 4, 1) + 1
    assert kernel_distance(x, y).item() == pytest.approx(by_definition(x, y), rel=1e-10)


def test_expected_distance_of_equal_distributions_is_zero_at_any_count() -> None:
    for count in (5, 20):
        values = torch.stack([kernel_distance(draw(count, 3, 2 * s), draw(count, 3, 2 * s + 1)) for s in range(600)])
        error = values.std() / 600**0.5
        assert values.mean().abs() < 4 * error


def test_a_replicate_that_draws_a_subset_once_is_the_distance_of_the_subset() -> None:
    x, y = draw(12, 3, 5), draw(10, 3, 6)
    real, fake = torch.zeros(1, 12, dtype=torch.int64), torch.zeros(1, 10, dtype=torch.int64)
    real[0, :6], fake[0, 3:9] = 1, 1
    expected = kernel_distance(x[:6], y[3:9])
    torch.testing.assert_close(discrepancy_replicates(kernels(x, y), Plan(real, fake))[0], expected)


def test_too_few_images_is_a_sentence_with_the_number_needed() -> None:
    with pytest.raises(UserError, match="needs 2 images"):
        kernel_distance(draw(1, 3, 0), draw(5, 3, 0))


def test_subsets_of_everything_are_the_distance_itself() -> None:
    x, y = draw(11, 3, 7), draw(11, 3, 8) + 0.5
    found = discrepancy_of_subsets(kernels(x, y), subsets=4, size=11)
    torch.testing.assert_close(found, kernel_distance(x, y).expand(4))


def test_subsets_scatter_about_the_distance_of_all_pairs() -> None:
    x, y = draw(60, 3, 9), draw(70, 3, 10) + 0.5
    found = discrepancy_of_subsets(kernels(x, y), subsets=400, size=20)
    assert found.std() > 0
    assert (found.mean() - kernel_distance(x, y)).abs() < 4 * found.std() / 400**0.5


def test_subsets_larger_than_a_side_are_refused_with_the_number_needed() -> None:
    with pytest.raises(UserError, match="needs 20 images per set; got 30 and 19"):
        discrepancy_of_subsets(kernels(draw(30, 2, 0), draw(19, 2, 1)), size=20)

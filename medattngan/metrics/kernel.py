"""Kernel distance of two sets of features (KID). Bińkowski et al. 2018, arXiv:1801.01401.

    MMD² = mean k(x, x′) over x ≠ x′ + mean k(y, y′) over y ≠ y′ − 2 mean k(x, y)
    k(x, y) = (xᵀy / dim + 1)³

Bias: none; the expected value does not depend on the count, so small sets may be compared with large ones.
The estimate of equal distributions is 0 in the mean and may come out negative. Called `kid` on any extractor;
as with every score, its name carries the extractor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.metrics.products import Products, products
from medattngan.statistics.bootstrap import Plan

SUBSETS, SUBSET_SIZE = 100, 1000
"""Of the published numbers: torch-fidelity's defaults."""


@dataclass(frozen=True)
class Kernels:
    """The kernel of every pair of images, float64; what all estimates are made from.

    Args:
        real: (N, N).
        fake: (M, M).
        between: (N, M).
    """

    real: Tensor
    fake: Tensor
    between: Tensor


def kernels(real: Tensor, fake: Tensor) -> Kernels:
    """The kernels of features (N, dim) and (M, dim).

    Raises:
        UserError: fewer than 2 features on a side.
    """
    return kernels_of(products(real, fake))


def kernels_of(found: Products) -> Kernels:
    """`kernels` of the features that the inner products are of."""
    n, m = found.between.shape
    if min(n, m) < 2:
        raise UserError(f"a kernel distance needs 2 images per set at least; got {n} and {m}.")
    real, fake, between = ((one / found.dim).add_(1).pow_(3) for one in (found.real, found.fake, found.between))
    return Kernels(real, fake, between)


def kernel_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Unbiased MMD² with the cubic kernel over all pairs: (N, dim) and (M, dim) → a float64 scalar.

    Raises:
        UserError: fewer than 2 features on a side.

    >>> kernel_distance(torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [1.0]]))
    tensor(7., dtype=torch.float64)
    """
    return discrepancy(kernels(real, fake))


def discrepancy(found: Kernels) -> Tensor:
    """`kernel_distance` from the kernels: every pair is used, so no other unbiased estimate varies less."""
    return _mean_off_diagonal(found.real) + _mean_off_diagonal(found.fake) - 2 * found.between.mean()


def discrepancy_replicates(found: Kernels, plan: Plan) -> Tensor:
    """`kernel_distance` of every resampled pair of sets: (replicates,) float64.

    An image drawn twice is the same image, so pairs of an image with its own copies are left out.
    """
    w, v = plan.real.double(), plan.fake.double()
    between = ((w @ found.between) * v).sum(1) / (w.sum(1) * v.sum(1))
    return _weighted_off_diagonal(found.real, w) + _weighted_off_diagonal(found.fake, v) - 2 * between


def discrepancy_of_subsets(found: Kernels, subsets: int = SUBSETS, size: int = SUBSET_SIZE, *, seed: int = 0) -> Tensor:
    """`kernel_distance` of random subsets of `size` a side, drawn without repeats: (subsets,) float64.

    Published numbers are the mean of these, and ± their standard deviation, which says nothing of how far the mean may
    be off: the subsets share images. The kernel of a pair is computed once, whatever the number of subsets.

    Raises:
        UserError: a side has fewer than `size` images.
    """
    if min(found.between.shape) < size:
        n, m = found.between.shape
        raise UserError(f"a kernel distance in subsets of {size} needs {size} images per set; got {n} and {m}.")
    rng = np.random.default_rng([seed, 2])
    sides = [torch.zeros(subsets, count, dtype=torch.int64) for count in found.between.shape]
    for row in range(subsets):
        for side in sides:
            side[row, torch.from_numpy(rng.choice(side.shape[1], size, replace=False))] = 1
    return discrepancy_replicates(found, Plan(*sides))


def mean_of_subsets(found: Kernels) -> Tensor:
    """The mean of `discrepancy_of_subsets` as published: a scalar."""
    return discrepancy_of_subsets(found).mean()


def _mean_off_diagonal(kernel: Tensor) -> Tensor:
    count = len(kernel)
    mean: Tensor = (kernel.sum() - kernel.diagonal().sum()) / (count * (count - 1))
    return mean


def _weighted_off_diagonal(kernel: Tensor, times: Tensor) -> Tensor:
    """Mean over pairs of different images, each pair as often as both were drawn: (replicates,)."""
    squares = times.square()
    weights = times.sum(1).square() - squares.sum(1)
    return (((times @ kernel) * times).sum(1) - squares @ kernel.diagonal()) / weights

"""Precision, recall, density and coverage: fidelity apart from diversity.

Each image's ball reaches to its k-th nearest neighbour on its own side.

    precision   share of synthetic images inside some real ball
    recall      share of real images inside some synthetic ball
    density     mean number of real balls a synthetic image lies in, / k
    coverage    share of real balls that hold a synthetic image

The first two after Kynkäänniemi et al. 2019, arXiv:1904.06991, the others after Naeem et al. 2020, arXiv:2002.09797.

Bias: all four depend on the counts and on k, so compare equal counts only. Precision and recall are moved by
single outliers, whose balls are large; density and coverage much less.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from medattngan.core.files import UserError
from medattngan.metrics.products import Products, products
from medattngan.statistics.bootstrap import Plan

NEAREST_K = 5


@dataclass(frozen=True)
class Balls:
    """Who lies in whose ball.

    Args:
        in_real: (N, M) bool: synthetic image j lies in the ball of real image i.
        in_fake: (N, M) bool: real image i lies in the ball of synthetic image j.
        k: the neighbour that a ball reaches to.
    """

    in_real: Tensor
    in_fake: Tensor
    k: int


def balls(real: Tensor, fake: Tensor, k: int = NEAREST_K) -> Balls:
    """Build the balls of `real` (N, dim) and `fake` (M, dim).

    Raises:
        UserError: a side has no more than k features.
    """
    return balls_of(products(real, fake), k)


def balls_of(found: Products, k: int = NEAREST_K) -> Balls:
    """`balls` of the features that the inner products are of.

    |x − y|² = |x|² + |y|² − 2 xᵀy. Squares are compared: roots would order them no otherwise.
    """
    n, m = found.between.shape
    if min(n, m) <= k:
        raise UserError(f"k = {k} neighbours need {k + 1} images per set; got {n} and {m}.")
    real, fake = found.real.diagonal(), found.fake.diagonal()
    between = _squared_distances(found.between, real, fake)
    of_real = _squared_radii(_squared_distances(found.real, real, real), k)
    of_fake = _squared_radii(_squared_distances(found.fake, fake, fake), k)
    return Balls(between < of_real[:, None], between < of_fake, k)


def precision(found: Balls) -> Tensor:
    """Share of synthetic images that look like some real one: a scalar in [0, 1].

    >>> import torch
    >>> line = torch.arange(8.0)[:, None]
    >>> precision(balls(line, torch.cat([line[:4], line[4:] + 100]))).item()
    0.5
    """
    return found.in_real.any(0).double().mean()


def recall(found: Balls) -> Tensor:
    """Share of real images that the synthetic ones reach: a scalar in [0, 1]."""
    return found.in_fake.any(1).double().mean()


def density(found: Balls) -> Tensor:
    """How densely real images lie around the synthetic ones: a scalar ≥ 0, about 1 if alike."""
    return found.in_real.double().sum(0).mean() / found.k


def coverage(found: Balls) -> Tensor:
    """Share of real images with a synthetic one nearby: a scalar in [0, 1]."""
    return found.in_real.any(1).double().mean()


def precision_replicates(found: Balls, plan: Plan) -> Tensor:
    """`precision` of every resampled pair of sets; the balls stay those of the whole sets."""
    return _mean(plan.real.float() @ found.in_real.float() > 0, plan.fake)


def recall_replicates(found: Balls, plan: Plan) -> Tensor:
    """`recall` of every resampled pair of sets; the balls stay those of the whole sets."""
    return _mean(plan.fake.float() @ found.in_fake.float().T > 0, plan.real)


def density_replicates(found: Balls, plan: Plan) -> Tensor:
    """`density` of every resampled pair of sets; the balls stay those of the whole sets."""
    w = plan.real.double()
    counts = w @ found.in_real.double() * (plan.real.shape[1] / w.sum(1, keepdim=True))
    return _mean(counts, plan.fake) / found.k


def coverage_replicates(found: Balls, plan: Plan) -> Tensor:
    """`coverage` of every resampled pair of sets; the balls stay those of the whole sets."""
    return _mean(plan.fake.float() @ found.in_real.float().T > 0, plan.real)


def _mean(values: Tensor, times: Tensor) -> Tensor:
    """Row means of (replicates, count), weighted."""
    weights = times.double()
    return (values.double() * weights).sum(1) / weights.sum(1)


def _squared_distances(between: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """From inner products (N, M) and squared lengths (N,) and (M,)."""
    return (between * -2).add_(x[:, None]).add_(y)


def _squared_radii(squares: Tensor, k: int) -> Tensor:
    """The k-th nearest other's, of squared distances within one set (N, N)."""
    return squares.fill_diagonal_(-1).kthvalue(k + 1, dim=1).values

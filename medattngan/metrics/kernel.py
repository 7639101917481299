"""Kernel distance of two sets of features (KID). Bińkowski et al. 2018, arXiv:1801.01401.

    MMD² = mean k(x, x′) over x ≠ x′ + mean k(y, y′) over y ≠ y′ − 2 mean k(x, y)
    k(x, y) = (xᵀy / dim + 1)³

Bias: none; the expected value does not depend on the count, so small sets may be compared with large ones.
The estimate of equal distributions is 0 in the mean and may come out negative. Called `kid` on any extractor;
as with every score, its name carries the extractor.
"""

from __future__ import annotations

from torch import Tensor

from medattngan.files import UserError
from medattngan.metrics.resample import Plan


def kernel_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Unbiased MMD² with the cubic kernel over all pairs: (N, dim) and (M, dim) → a float64 scalar.

    All pairs are used at once: the mean over random subsets that published numbers often are has the same
    expectation and a larger variance.

    Raises:
        UserError: fewer than 2 features on a side.

    >>> import torch
    >>> kernel_distance(torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [1.0]]))
    tensor(7., dtype=torch.float64)
    """
    _require_two(len(real), len(fake))
    real, fake = real.double(), fake.double()
    between = _kernel(real, fake).mean()
    return _mean_off_diagonal(_kernel(real, real)) + _mean_off_diagonal(_kernel(fake, fake)) - 2 * between


def kernel_replicates(real: Tensor, fake: Tensor, plan: Plan) -> Tensor:
    """`kernel_distance` of every resampled pair of sets: (replicates,) float64.

    An image drawn twice is the same image, so pairs of an image with its own copies are left out.
    """
    real, fake = real.double(), fake.double()
    w, v = plan.real.double(), plan.fake.double()
    between = ((w @ _kernel(real, fake)) * v).sum(1) / (w.sum(1) * v.sum(1))
    return _weighted_off_diagonal(_kernel(real, real), w) + _weighted_off_diagonal(_kernel(fake, fake), v) - 2 * between


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1).pow(3)


def _mean_off_diagonal(kernel: Tensor) -> Tensor:
    count = len(kernel)
    mean: Tensor = (kernel.sum() - kernel.diagonal().sum()) / (count * (count - 1))
    return mean


def _weighted_off_diagonal(kernel: Tensor, times: Tensor) -> Tensor:
    """Mean over pairs of different images, each pair as often as both were drawn: (replicates,)."""
    squares = times.square()
    weights = times.sum(1).square() - squares.sum(1)
    return (((times @ kernel) * times).sum(1) - squares @ kernel.diagonal()) / weights


def _require_two(real: int, fake: int) -> None:
    if min(real, fake) < 2:
        raise UserError(f"a kernel distance needs 2 images a side at the least; got {real} and {fake}.")

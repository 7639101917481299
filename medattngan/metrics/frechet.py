"""Fréchet distance of two sets of features, each taken as a Gaussian. Heusel et al. 2017, arXiv:1706.08500.

    d² = |μr − μf|² + tr Σr + tr Σf − 2 tr (Σr Σf)^½          Dowson & Landau 1982

With A and B the centred features over √(count − 1), Σr = AᵀA and Σf = BᵀB, so that tr (Σr Σf)^½ is the sum of
the singular values of ABᵀ. No matrix square root is taken: the result is real, and exact where Σ is singular.

Bias: the expected value falls as the count grows (Chong & Forsyth 2020, arXiv:1911.07023). Compare equal
counts only.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch import Tensor

from medattngan.core.files import UserError

AT_ONCE = 8192
"""Rows that are held as float64 at once."""
Pair: TypeAlias = tuple[Tensor, Tensor]
"""Features of the real and of the synthetic side, (count, dim) each."""


def frechet_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Squared Fréchet distance of two sets of features.

    Args:
        real: (count, dim), any float type, any device.
        fake: (count, dim); the counts may differ, but then say so: the distance is biased by the count.

    Returns:
        A float64 scalar, never negative, never NaN; of more than AT_ONCE rows, to about 1e-7 of the traces.

    Raises:
        UserError: fewer than 2 rows on a side, unequal dims, or features that are not finite.

    One-dimensional Gaussians have (μr − μf)² + (σr − σf)²: here 3² + (1 − 2)².

    >>> real = torch.tensor([[-1.0], [1.0]]) / 2**0.5
    >>> frechet_distance(real, 2 * real + 3)
    tensor(10.0000, dtype=torch.float64)
    """
    _check(real, fake)
    if max(len(real), len(fake)) > AT_ONCE:
        return frechet_distance_of_moments(moments_of(real), moments_of(fake))
    real, fake = real.double(), fake.double()
    shift = real.mean(0) - fake.mean(0)
    return _distance(shift, _root(real), _root(fake))


def paired(real: Tensor, fake: Tensor) -> Pair:
    """Both as they are: what `METRICS` reads the distance and its replicates from."""
    return real, fake


def frechet_distance_of_pair(pair: Pair) -> Tensor:
    """`frechet_distance` of `paired` features."""
    return frechet_distance(*pair)


def standardised(real: Tensor, fake: Tensor) -> Pair:
    """Each feature over the mean and deviation of the real side, float64. One that is constant there is left out.

    Raises:
        UserError: fewer than 2 images on a side.
    """
    if min(len(real), len(fake)) < 2:
        raise UserError(f"a radiomics distance needs 2 images per set at least; got {len(real)} and {len(fake)}.")
    real, fake = real.double(), fake.double()
    deviation, mean = torch.std_mean(real, 0)
    varies = deviation > 1e-6 * (1 + mean.abs())
    return tuple((side[:, varies] - mean[varies]) / deviation[varies] for side in (real, fake))  # type: ignore[return-value]


class Moments:
    """Count, mean and covariance of features that arrive in batches: memory is dim², whatever the count.

    >>> stream = Moments(1)
    >>> for batch in torch.tensor([[[0.0], [2.0]], [[4.0], [6.0]]]):
    ...     stream.update(batch)
    >>> stream.count, stream.mean.item(), round(stream.covariance.item(), 4)
    (4, 3.0, 6.6667)
    """

    def __init__(self, dim: int) -> None:
        self.count = 0
        self.mean = torch.zeros(dim, dtype=torch.float64)
        self._scatter = torch.zeros(dim, dim, dtype=torch.float64)

    def update(self, features: Tensor) -> None:
        """Add features (B, dim). Chan, Golub & LeVeque 1979: exact to rounding in any order of batches."""
        if len(features) == 0:
            return
        batch = features.detach().to("cpu", torch.float64)
        mean = batch.mean(0)
        centred = batch - mean
        total = self.count + len(batch)
        shift = mean - self.mean
        self._scatter.addmm_(centred.T, centred)
        self._scatter.addr_(shift, shift, alpha=self.count * len(batch) / total)
        self.mean += shift * (len(batch) / total)
        self.count = total

    @property
    def covariance(self) -> Tensor:
        """(dim, dim), over count − 1."""
        return self._scatter / (self.count - 1)


def moments_of(features: Tensor) -> Moments:
    """Moments of features (count, dim), which are made float64 a few at a time."""
    moments = Moments(features.shape[1])
    for some in torch.split(features, AT_ONCE):
        moments.update(some)
    return moments


def frechet_distance_of_moments(real: Moments, fake: Moments) -> Tensor:
    """`frechet_distance` from streamed moments; the same value to about 1e-7 of the traces.

    Raises:
        UserError: fewer than 2 features on a side, or features that were not finite.
    """
    _check_counts(real.count, fake.count)
    _check_finite(real.mean, fake.mean)
    return _distance(real.mean - fake.mean, _root_of(real.covariance), _root_of(fake.covariance))


def _distance(shift: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """|shift|² + |a|² + |b|² − 2 · (nuclear norm of abᵀ), for roots a, b with aᵀa = Σr and bᵀb = Σf."""
    nuclear = torch.linalg.svdvals(a @ b.T).sum()
    distance: Tensor = shift.square().sum() + a.square().sum() + b.square().sum() - 2 * nuclear
    return distance.clamp_min(0)


def _root(features: Tensor) -> Tensor:
    """A matrix whose Gram matrix is the covariance of `features`."""
    return _compact((features - features.mean(0)) / math.sqrt(len(features) - 1))


def _compact(root: Tensor) -> Tensor:
    """A matrix of the same Gram matrix with at most as many rows as columns."""
    if len(root) <= root.shape[1]:
        return root
    triangle: Tensor = torch.linalg.qr(root, mode="r").R
    return triangle


def _root_of(covariance: Tensor) -> Tensor:
    """`_root` from the covariance itself; directions below the rounding of the largest are taken as empty."""
    values, vectors = torch.linalg.eigh(covariance)
    keep = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
    root: Tensor = values[keep].sqrt()[:, None] * vectors[:, keep].T
    return root


def _check(real: Tensor, fake: Tensor) -> None:
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise UserError(
            f"features must be (count, dim) with one dim; got {tuple(real.shape)} and {tuple(fake.shape)}: "
            "use the same extractor on both sides."
        )
    _check_counts(len(real), len(fake))
    _check_finite(real, fake)


def _check_counts(real: int, fake: int) -> None:
    if min(real, fake) < 2:
        raise UserError(f"a Fréchet distance needs 2 images per set at least; got {real} and {fake}.")


def _check_finite(real: Tensor, fake: Tensor) -> None:
    if not (real.isfinite().all() and fake.isfinite().all()):
        raise UserError("the features hold NaN or infinity: look for broken images among those given.")

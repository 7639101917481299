"""The Fréchet distance of many resampled sets, quickly: what its interval is made from.

A set that holds row i of the features t_i times has the scatter Σ t_i x_i x_iᵀ. Slices of one patient are drawn
together, so on the real side that is a sum over patients, whose scatters are made once for all replicates.

Matrices here are symmetric and half of each is enough: `blas` and `lapack` are called by their names for that, which
takes about half of the time of general products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import blas, eigh, lapack
from torch import Tensor

from medattngan.metrics.frechet import AT_ONCE, Pair, moments_of
from medattngan.statistics.bootstrap import Plan

LEADING = 256
"""Directions in which the bootstrap measures; see `frechet_replicates`."""
_CHUNK = 16  # replicates whose covariances lie in memory at once

Matrix: TypeAlias = npt.NDArray[np.float64]


def frechet_replicates(pair: Pair, plan: Plan) -> Tensor:
    """The distance of every resampled pair of sets in `plan`: (replicates,) float64.

    In more than LEADING dimensions it is measured in the LEADING principal directions of both sets together. What
    is left out is the sum of many small terms: it moves every replicate by nearly the same, and only the spread of
    the replicates is used.
    """
    real, fake = _seen_at_once(pair) if max(map(len, pair)) <= AT_ONCE else _seen_in_parts(pair)
    moments = zip(_moments(real.numpy(), plan.real.numpy()), _moments(fake.numpy(), plan.fake.numpy()), strict=True)
    return torch.tensor([_distance(mean - other, a, b) for (mean, a), (other, b) in moments], dtype=torch.float64)


def _seen_at_once(pair: Pair) -> Pair:
    """Both sides about the mean of the real one, in their LEADING directions."""
    real, fake = (side.double() - pair[0].double().mean(0) for side in pair)
    if real.shape[1] <= LEADING:
        return real, fake
    directions = _leading(torch.cat([real, fake - fake.mean(0), fake.mean(0, True)]))
    return real @ directions, fake @ directions


def _seen_in_parts(pair: Pair) -> Pair:
    """`_seen_at_once` of sides that are too long to be float64 in all their dimensions."""
    found = [moments_of(side) for side in pair]
    middle = found[0].mean
    if len(middle) <= LEADING:
        directions = torch.eye(len(middle), dtype=torch.float64)
    else:
        gram = sum(one.covariance * (one.count - 1) for one in found) + torch.outer(*[found[1].mean - middle] * 2)
        directions = torch.from_numpy(_largest(gram.numpy())[1])
    real, fake = (
        torch.cat([(some.double() - middle) @ directions for some in torch.split(side, AT_ONCE)]) for side in pair
    )
    return real, fake


def _leading(rows: Tensor) -> Tensor:
    """The LEADING principal directions of rows (count, dim) about 0: (dim, LEADING), or as many as there are."""
    wide = len(rows) < rows.shape[1]
    # Of fewer rows than dimensions: from their inner products, which is the smaller matrix.
    values, vectors = _largest(_gram((rows.T if wide else rows).contiguous().numpy()))
    if not wide:
        return torch.from_numpy(vectors)
    keep = values > values[-1] * len(rows) * np.finfo(np.float64).eps
    directions: Tensor = rows.T @ torch.from_numpy(vectors[:, keep] / np.sqrt(values[keep]))
    return directions


def _largest(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """The LEADING largest eigenvalues, ascending, and their vectors, of the lower half of a symmetric matrix."""
    size = len(matrix)
    values, vectors = eigh(
        matrix, driver="evr", subset_by_index=[max(0, size - LEADING), size - 1], check_finite=False, overwrite_a=True
    )
    return values, np.ascontiguousarray(vectors)


def _moments(features: Matrix, times: npt.NDArray[np.int64]) -> Iterator[tuple[Matrix, Matrix]]:
    """Mean, and lower half of the covariance, of each set in which row i of `features` stands `times[:, i]` times."""
    groups, group_of = np.unique(times, axis=1, return_inverse=True)
    # Rows that are always drawn together count as one; of too many groups the scatters would fill the memory.
    if groups.shape[1] > min(len(features) // 2, LEADING):
        yield from (_weighted(features, one) for one in times)
        return
    members = [features[group_of == group] for group in range(groups.shape[1])]
    weights = groups.astype(np.float64)
    counts = weights @ np.array([len(rows) for rows in members], np.float64)
    means = weights @ np.stack([rows.sum(0) for rows in members]) / counts[:, None]
    scatters = np.stack([(rows.T @ rows).ravel() for rows in members])
    for start in range(0, len(times), _CHUNK):
        some = (weights[start : start + _CHUNK] @ scatters).reshape(-1, features.shape[1], features.shape[1])
        for scatter, count, mean in zip(some, counts[start:], means[start:], strict=False):
            yield mean, ((scatter - count * np.outer(mean, mean)) / (count - 1)).T


def _weighted(features: Matrix, times: npt.NDArray[np.int64]) -> tuple[Matrix, Matrix]:
    """Mean, and lower half of the covariance, of the set in which row i stands `times[i]` times."""
    rows = times.nonzero()[0]
    drawn, weights = features[rows], times[rows].astype(np.float64)
    count = weights.sum()
    mean = weights @ drawn / count
    drawn -= mean
    drawn *= np.sqrt(weights / (count - 1))[:, None]
    return mean, _gram(drawn)


def _gram(rows: Matrix) -> Matrix:
    """The lower half of rowsᵀ rows, in Fortran's order; `rows` lie in C's."""
    gram: Matrix = blas.dsyrk(1.0, rows.T, lower=1)
    return gram


def _distance(shift: Matrix, a: Matrix, b: Matrix) -> float:
    """The distance from the lower halves of two covariances, by the eigenvalues of rᵀ b r, r rᵀ = a: to 1e-5 of the
    traces. `b` is written over."""
    traces = np.trace(a) + np.trace(b)
    raised = a.copy(order="F")
    # A few units of rounding on the diagonal let the quick factor stand where a set has fewer images than dimensions.
    raised.ravel(order="K")[:: len(a) + 1] += 1e-11 * np.trace(a) / len(a)
    root, failed = lapack.dpotrf(raised, lower=1, clean=0, overwrite_a=1)
    if failed:
        values, vectors = eigh(a, lower=True)
        root = vectors * np.sqrt(values.clip(0))
        product = root.T @ (np.tril(b) + np.tril(b, -1).T) @ root
    else:
        product, _ = lapack.dsygst(b, root, itype=2, lower=1, overwrite_a=1)
    squares = lapack.dsyev(product, compute_v=0, lower=1, overwrite_a=1)[0]
    return max(0.0, float(shift @ shift + traces - 2 * np.sqrt(squares.clip(0)).sum()))

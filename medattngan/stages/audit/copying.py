"""Two statistics of copying that look at all samples together.

C_T (Meehan et al. 2020, arXiv:2004.05675): in every cell of the space, are the samples nearer to the
training set than held-out slices are? In a cell, U of Mann and Whitney compares the distances to the nearest training
slice, standardised to Z = (U - mn / 2) / √(mn (m + n + 1) / 12); C_T is the mean Z over the cells, weighted by their
share of held-out slices. Far below 0: samples lie too near, data are copied. Far above 0: they lie too far, the model
underfits. Slices of one patient are not independent, so that |C_T| > 3 does not mean what it means in the paper:
compare it with its floor.

AuthPct (Alaa et al. 2022, arXiv:2102.08921): the percentage of samples that are no nearer to their nearest
training slice than that slice is to its nearest among other *patients* (the paper: among other samples; neighbouring
slices of one patient would make every copy authentic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.statistics.bootstrap import Plan

LEAST_IN_CELL = 20
"""Samples, and held-out slices, below which a cell is left out (the paper: 20 samples)."""
MOST_CELLS = 10
SLICES_A_CELL = 100
"""Held-out slices on average, so that most cells hold enough."""
LLOYD_STEPS = 25
_AT_ONCE = 2048  # samples that meet the held-out slices of a cell

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Placed:
    """Slices as C_T sees them.

    Args:
        distance: (N,) to the nearest training slice.
        cell: (N,) number of the cell.
    """

    distance: Floats
    cell: Numbers


def data_copying(held_out: Placed, samples: Placed) -> float | None:
    """C_T; None where no cell holds LEAST_IN_CELL of both.

    All samples nearer than all held-out slices, in one cell of m = n = 20, is -√(3 mn / (m + n + 1)):

    >>> far, near = Placed(np.arange(20.0) + 30, np.zeros(20, int)), Placed(np.arange(20.0), np.zeros(20, int))
    >>> round(data_copying(far, near), 4)
    -5.41
    """
    value = _weighted(held_out, samples, np.ones((1, len(held_out.cell))), np.ones((1, len(samples.cell))))
    return None if value is None else float(value[0])


def data_copying_replicates(held_out: Placed, samples: Placed, plan: Plan) -> Floats | None:
    """C_T of every resampled pair of sets: (replicates,). `plan.real` resamples the held-out slices."""
    return _weighted(held_out, samples, plan.real.double().numpy(), plan.fake.numpy())


def _weighted(held_out: Placed, samples: Placed, times_held: Floats, times_samples: npt.NDArray[Any]) -> Floats | None:
    """C_T where slice i of a set stands `times[:, i]` times: (replicates,)."""
    total, weight = np.zeros(len(times_held)), np.zeros(len(times_held))
    for cell in np.unique(held_out.cell):
        a, b = held_out.cell == cell, samples.cell == cell
        if min(a.sum(), b.sum()) < LEAST_IN_CELL:
            continue
        p, q = held_out.distance[a], samples.distance[b]
        times_p, times_q = times_held[:, a], times_samples[:, b].astype(np.float64)
        n, m, u = times_p.sum(1), times_q.sum(1), np.zeros(len(times_held))
        for start in range(0, len(q), _AT_ONCE):
            some = q[start : start + _AT_ONCE, None]
            # 1 where the sample lies farther, one half where they tie.
            farther = (some > p).astype(np.float64) + 0.5 * (some == p)
            u += ((times_q[:, start : start + _AT_ONCE] @ farther) * times_p).sum(1)
        z = (u - m * n / 2) / np.sqrt(np.maximum(m * n * (m + n + 1) / 12, 1e-12))
        total += n * z
        weight += n
    return None if not weight.any() else total / np.maximum(weight, 1)


def cell_count(held_out: int) -> int:
    """Into how many cells to cut the space for so many held-out slices.

    >>> cell_count(50), cell_count(450), cell_count(5000)
    (1, 4, 10)
    """
    return max(1, min(MOST_CELLS, held_out // SLICES_A_CELL))


def k_means(points: Tensor, k: int, *, seed: int) -> Tensor:
    """Centres (k, dim) of `points` (N, dim): Lloyd's algorithm from k-means++ (Arthur & Vassilvitskii 2007)."""
    rng = np.random.default_rng([seed, 11])
    centres = points[[int(rng.integers(len(points)))]]
    while len(centres) < k:
        squared = torch.cdist(points, centres).amin(1).double().square().numpy()
        total = squared.sum()
        if total <= 0:
            break  # fewer distinct points than centres
        centres = torch.cat([centres, points[[int(rng.choice(len(points), p=squared / total))]]])
    for _ in range(LLOYD_STEPS):
        nearest = nearest_centre(points, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        counts = torch.bincount(nearest, minlength=len(centres))[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return centres


def nearest_centre(points: Tensor, centres: Tensor) -> Tensor:
    """The number of the nearest of `centres` (k, dim) for each of `points` (N, dim): (N,)."""
    return torch.cdist(points, centres).argmin(1)


def authentic(distance: Floats, nearest: Numbers, embedded: Tensor, patients: Numbers) -> npt.NDArray[np.bool_]:
    """Which samples are authentic: (N,) bool; their mean, in percent, is AuthPct.

    Args:
        distance: (N,) of each sample to its nearest training slice, 1 minus the product.
        nearest: (N,) the position of that slice.
        embedded: (M, dim) the training slices, of length 1.
        patients: (M,) of the training slices.
    """
    slices, of_sample = np.unique(nearest, return_inverse=True)
    others = np.empty(len(slices))
    for start in range(0, len(slices), 256):
        part = slices[start : start + 256]
        between = 1 - (embedded[torch.from_numpy(part)] @ embedded.T).numpy()
        between[patients[part][:, None] == patients] = np.inf
        others[start : start + 256] = between.min(1)
    return np.asarray(distance >= others[of_sample])

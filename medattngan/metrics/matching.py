"""Do slices show what their captions say? Numbers in closed form, of what probes, encoders and attentions gave.

Retrieval is the R-precision of Xu et al. 2018 (AttnGAN), arXiv:1711.10485, section 4; the pointing game is that of
Zhang et al. 2016, arXiv:1608.00507, section 4.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


def balanced_accuracy(said: Bools, shown: Bools) -> float:
    """The mean of the shares found among slices of which something is said, and among those of which it is not.

    0.5 by chance, however rare it is. NaN where it is said of all or of none.

    >>> balanced_accuracy(np.array([True, False, False, False]), np.array([True, False, False, True]))
    0.8333333333333333
    """
    if said.all() or not said.any():
        return float("nan")
    return float((shown[said].mean() + (~shown[~said]).mean()) / 2)


def retrieved(scores: npt.ArrayLike) -> Numbers:
    """Whether a slice fits its own caption best: scores (N, candidates), its own in the first column → (N,).

    Candidates that fit as well share the hit, so that scores that say nothing give 1 / candidates.

    >>> retrieved([[0.9, 0.1, 0.3], [0.2, 0.9, 0.1], [0.5, 0.5, 0.5]])
    array([1.        , 0.        , 0.33333333])
    """
    found = np.asarray(scores, np.float64)
    best = found >= found.max(1, keepdims=True)
    return np.asarray(best[:, 0] / best.sum(1))


def pointed(maps: npt.ArrayLike, masks: npt.ArrayLike) -> tuple[Numbers, Numbers]:
    """Whether the peak of each map lies in its mask, and the chance of that: (N,) each.

    Args:
        maps: (N, h, w), how much is read where.
        masks: (N, H, W) of 0 and 1, H and W multiples of h and w. A peak that is H/h pixels wide hits as far as the
            mask covers it: the chance of a map that says nothing is the share of the slice that the mask covers.

    >>> mask = np.zeros((1, 4, 4)); mask[0, :2, 2:] = 1
    >>> pointed([[[0.1, 0.7], [0.1, 0.1]]], mask)
    (array([1.]), array([0.25]))
    """
    read, covered = np.asarray(maps, np.float64), np.asarray(masks, np.float64)
    count, height, width = read.shape
    rows, columns = covered.shape[1] // height, covered.shape[2] // width
    shares = covered.reshape(count, height, rows, width, columns).mean((2, 4)).reshape(count, -1)
    flat = read.reshape(count, -1)
    best = flat >= flat.max(1, keepdims=True)
    return np.asarray((shares * best).sum(1) / best.sum(1)), np.asarray(covered.mean((1, 2)))


def interval(values: Numbers, groups: npt.NDArray[np.str_] | None, seed: int, replicates: int = 1000) -> list[float]:
    """The 95 % bootstrap interval of a mean (N,), resampling values, or whole groups of them (N,) as patients are.

    >>> interval(np.ones(5), None, 0)
    [1.0, 1.0]
    """
    names = np.arange(len(values)) if groups is None else groups
    unique, which = np.unique(names, return_inverse=True)
    sums = np.bincount(which, values, len(unique))
    counts = np.bincount(which, minlength=len(unique))
    drawn = np.random.default_rng(seed).integers(0, len(unique), (replicates, len(unique)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return [float(np.quantile(means, share)) for share in (0.025, 0.975)]

"""Dice's coefficient of masks. Dice 1945, Ecology 26(3), 297-302; Zou et al. 2004, Acad. Radiol. 11(2), 178-189.

    dice = 2 |A ∩ B| / (|A| + |B|)

Pixels are summed over all slices of a set before the quotient is taken, so that a slice on which a structure is small
does not count as much as one that is full of it, and a slice without it has no quotient to be undefined. The mean over
the classes leaves out the background. A set in which neither mask has a class says nothing of it: NaN, left out of the
mean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Masks = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.float64]
"""(slices, classes, 2): pixels in both masks, and those in either added up; without the background."""


def overlaps(found: Masks, truth: Masks, classes: int) -> Counts:
    """What Dice's coefficient needs of each slice.

    Args:
        found, truth: (slices, H, W), numbers of classes.
        classes: how many there are, background included.
    """
    counts = np.zeros((len(found), classes - 1, 2))
    for k in range(1, classes):
        a, b = found == k, truth == k
        counts[:, k - 1, 0] = (a & b).sum((1, 2))
        counts[:, k - 1, 1] = a.sum((1, 2)) + b.sum((1, 2))
    return counts


def dice(counts: Counts, weights: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """Of each class, (classes,), or (replicates, classes) with weights (replicates, slices): how often each stands.

    >>> a, b = np.uint8([[[1, 1, 0, 2]]]), np.uint8([[[1, 0, 0, 2]]])
    >>> dice(overlaps(a, b, 4)).round(3)
    array([0.667, 1.   ,   nan])
    """
    often = np.ones(len(counts)) if weights is None else np.asarray(weights, np.float64)
    summed = np.tensordot(often, counts, axes=([-1], [0]))
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * summed[..., 0] / np.where(summed[..., 1] > 0, summed[..., 1], np.nan))


def mean_dice(counts: Counts, weights: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """The mean over the classes that there are: a number, or (replicates,); 0 where there is none at all."""
    found = dice(counts, weights)
    known = ~np.isnan(found)
    return np.asarray(np.where(known, found, 0).sum(-1) / np.maximum(known.sum(-1), 1))

"""Cases and patients drawn anew with replacement, and what the replicates say. Davison & Hinkley 1997, ch. 2 and 5.

Torch-free, so that a reader study needs no network. `bootstrap` puts the draws into the plan that metrics share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError

Counts = npt.NDArray[np.int64]
MANY_REPLICATES = 2000
"""Where a replicate costs little; metrics of images draw `bootstrap.REPLICATES`."""


def require_seed(seed: int) -> None:
    """Refuse a seed that no generator of random numbers takes.

    Raises:
        UserError: it is negative.
    """
    if seed < 0:
        raise UserError(f"--seed is {seed}; give 0 or more.")


def draw_cases(rng: np.random.Generator, count: int, replicates: int) -> Counts:
    """How often each of `count` cases stands in each resample of as many: (replicates, count).

    >>> draw_cases(np.random.default_rng(0), 3, 2).sum(1).tolist()
    [3, 3]
    """
    return rng.multinomial(count, np.full(count, 1 / count), size=replicates)


def draw_patients(rng: np.random.Generator, patients: Sequence[str], replicates: int) -> Counts:
    """How often each slice stands in each resample of whole patients: (replicates, slices).

    Of one slice alone no distance can be told: where patients have several, such resamples are drawn anew. Those of one
    patient with all its slices stay, or patients would seem to differ less than they do.
    """
    names, of_slice, slices = np.unique(np.asarray(patients, dtype=str), return_inverse=True, return_counts=True)
    times = draw_cases(rng, len(names), replicates)
    while len(names) > 1 and slices.max() > 1 and (alone := ((times > 0) * slices).sum(1) == 1).any():
        times[alone] = draw_cases(rng, len(names), int(alone.sum()))
    return np.asarray(times[:, of_slice])


def draw_patients_within(
    rng: np.random.Generator, patients: npt.NDArray[np.str_], classes: npt.NDArray[Any], replicates: int
) -> Counts:
    """`draw_patients` within each class, so that no resample lacks one: (replicates, slices).

    A patient is of the class of its first slice. Where its others are of another class, resamples that lack one are
    drawn anew.
    """
    names, first, of_slice = np.unique(patients, return_index=True, return_inverse=True)
    of_patient = classes[first]

    def drawn(count: int) -> Counts:
        times = np.zeros((count, len(names)), np.int64)
        for k in np.unique(of_patient):
            own = np.flatnonzero(of_patient == k)
            times[:, own] = draw_cases(rng, len(own), count)
        return np.asarray(times[:, of_slice])

    times = drawn(replicates)
    of_class = [classes == k for k in np.unique(classes)]
    while (lacking := np.any([times[:, own].sum(1) == 0 for own in of_class], axis=0)).any():
        times[lacking] = drawn(int(lacking.sum()))
    return times


def percentile_interval(
    replicates: npt.ArrayLike, *, tail: float = 0.025, method: Literal["linear", "weibull"] = "linear"
) -> tuple[float, float]:
    """The quantiles of `replicates` that leave `tail` on either side.

    Args:
        replicates: (replicates,).
        tail: 0.025 for a 95 % interval.
        method: `weibull` puts them at p (count + 1): `linear` gives intervals too short for a few hundred replicates.

    >>> percentile_interval(np.arange(41.0))
    (1.0, 39.0)
    """
    low, high = np.quantile(np.asarray(replicates), [tail, 1 - tail], method=method).tolist()
    return low, high

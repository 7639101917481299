"""Where copying begins: thresholds in two spaces at once, at a stated rate of false positives.

Held-out real patients cannot have been copied. Each of their slices gets its relative distance to the training patients
in each space, and a slice counts as a copy if, in either space, it lies nearer than almost all of them (conformal
prediction: Vovk et al. 2005; Angelopoulos & Bates 2021, arXiv:2107.07511, section 1).

A slice has a rank among the held-out ones in each space; its score is the smaller of the two. It is flagged if, with
itself counted, at most `rate` of all scores are as small. `thresholds` finds the two distances at which that happens.
For a slice that is exchangeable with the held-out ones, being flagged has probability `rate` at most. Slices of one
patient resemble each other, so the rate of a given calibration varies more than independent slices would make it:
`leave_one_out` flags each patient by the others, and its interval resamples patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.statistics.bootstrap import plan_bootstrap
from medattngan.statistics.draws import percentile_interval

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Thresholds:
    """A slice is flagged where its relative distance is below either."""

    pixel: float
    embedding: float

    def score(self, pixel: Floats, embedding: Floats) -> npt.NDArray[np.float64]:
        """Relative distances (N,) in both spaces → the smaller multiple of the threshold, (N,); flagged below 1.

        >>> Thresholds(0.5, 0.2).score(np.float32([0.25, 1.0]), np.float32([0.4, 0.6])).round(3).tolist()
        [0.5, 2.0]
        """
        return np.minimum(pixel.astype(np.float64) / self.pixel, embedding.astype(np.float64) / self.embedding)

    def flag(self, pixel: Floats, embedding: Floats) -> Flags:
        """Which of the slices count as copies: (N,) bool."""
        return (pixel < self.pixel) | (embedding < self.embedding)


def least_slices(rate: float) -> int:
    """How many held-out slices it takes before anything can be flagged at `rate`.

    >>> least_slices(0.01)
    199
    """
    return math.ceil(2 / rate - 1e-9) - 1


def require_enough(slices: int, rate: float) -> None:
    """Refuse to calibrate on too few held-out slices.

    Raises:
        UserError: nothing could be flagged at `rate`.
    """
    if slices < least_slices(rate):
        raise UserError(
            f"{rate:.2g} false positives need {least_slices(rate)} held-out slices or more; there are {slices}: "
            "ingest more patients or a larger share of them (--split), or allow more with --false-positives."
        )


def thresholds(pixel: Floats, embedding: Floats, rate: float) -> Thresholds:
    """The thresholds from the relative distances (N,) of held-out slices.

    Raises:
        UserError: the slices are too few for `rate`.
    """
    require_enough(len(pixel), rate)
    allowed = math.floor(rate * (len(pixel) + 1) + 1e-9)
    order = np.argsort(pixel, kind="stable"), np.argsort(embedding, kind="stable")
    levels = _level(order[0], order[1], allowed), _level(order[1], order[0], allowed)
    tiny = 1e-9  # where held-out slices are themselves copies nothing is below 0, and a score still divides
    return Thresholds(
        max(float(pixel[order[0][levels[0] - 1]]), tiny), max(float(embedding[order[1][levels[1] - 1]]), tiny)
    )


def _level(own: npt.NDArray[np.intp], other: npt.NDArray[np.intp], allowed: int) -> int:
    """The largest rank in its own space with which a slice is still flagged, its rank in the other being large.

    With rank q in its own space, it pushes back all that come after it there and nobody elsewhere: as small a score
    have the q - 1 before it, the first q of the other space, and itself.
    """
    level = 1
    while level < allowed and len(set(own[:level]) | set(other[: level + 1])) + 1 <= allowed:
        level += 1
    return level


@dataclass(frozen=True)
class Rate:
    """A share of slices, with its 95 % interval over patients."""

    value: float
    low: float
    high: float
    slices: int
    patients: int

    def to_json(self) -> dict[str, object]:
        """As audit.json has it."""
        return {
            "value": round(self.value, 6),
            "ci95": [round(self.low, 6), round(self.high, 6)],
            "slices": self.slices,
            "patients": self.patients,
        }


class LeftOut(NamedTuple):
    """Held-out slices, each judged without its patient: which are flagged, and which could be judged; (N,) both."""

    flags: Flags
    judged: Flags


def leave_one_out(pixel: Floats, embedding: Floats, patients: Sequence[str], rate: float) -> LeftOut:
    """Each patient's held-out slices judged by thresholds from those of the others.

    Where the others are too few for `rate`, a patient can be neither flagged nor cleared.
    """
    names, numbers = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    flags, judged = np.zeros(len(pixel), bool), np.zeros(len(pixel), bool)
    for number in range(len(names)):
        out = numbers == number
        if (~out).sum() >= least_slices(rate):
            flags[out] = thresholds(pixel[~out], embedding[~out], rate).flag(pixel[out], embedding[out])
            judged |= out
    return LeftOut(flags, judged)


def rate_over_patients(flags: Flags, patients: Sequence[str], *, seed: int) -> Rate:
    """The share of `flags` (N,), with the percentile interval of a bootstrap over patients.

    The upper end is not below 3 / patients where no slice is flagged (the rule of three, Hanley & Lippman-Hand 1983,
    taking the slices of one patient as one). One patient says nothing of others: 0 to 1.
    """
    count = len(set(patients))
    value = float(flags.mean())
    if count == 1:
        return Rate(value, 0.0, 1.0, len(flags), count)
    if not flags.any():
        return Rate(value, 0.0, min(1.0, 3 / count), len(flags), count)
    weights = plan_bootstrap(patients, 1, seed=seed).real.double().numpy()
    shares = weights @ flags.astype(np.float64) / weights.sum(1)
    low, high = percentile_interval(shares, method="weibull")
    return Rate(value, min(low, value), max(high, value), len(flags), count)

"""How likely a study is to tell readers from guessers, and to rule a difference out.

The mean accuracy of R readers over N cases, half of them synthetic, varies by (Obuchowski and Rockette 1995)

    Var = σ²_reader / R + v (ρ + (1 - ρ) / R) / N,    v = p (1 - p),

where σ_reader is how much readers differ in skill and ρ how much two readers' being right on one case goes together. It
is estimated with the degrees of freedom of Hillis, Obuchowski and Berbaum 2011, Acad Radiol 18:129-142. A study that
speaks for its own readers only, as one with a single reader must, has no σ_reader: its variance is that of the cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm, t

CHANCE = 0.5
QUANTILES = (np.arange(400) + 0.5) / 400
"""Of the estimated variance: the power is its mean over them."""


@dataclass(frozen=True)
class Precision:
    """Standard error of the mean accuracy, and how well it will be known."""

    error: float
    freedom: float


def precision(
    readers: int,
    cases: int,
    reader_sd: float,
    correlation: float,
    accuracy: float = CHANCE,
    these_readers_only: bool = False,
) -> Precision:
    """What R readers and N cases will give."""
    variance = accuracy * (1 - accuracy) / cases
    if readers == 1 or these_readers_only:
        return Precision(float(np.sqrt(variance * (correlation + (1 - correlation) / readers))), np.inf)
    shared = correlation * variance
    between = reader_sd**2 + variance - shared
    total = between + readers * shared
    freedom = (readers - 1) * (total / between) ** 2 if between > 0 else np.inf
    return Precision(float(np.sqrt(total / readers)), float(freedom))


def detection_power(known: Precision, accuracy: float, alpha: float = 0.05) -> float:
    """Chance that the two-sided t test against ½ comes out at p ≤ alpha, if the mean accuracy is `accuracy`.

    >>> round(detection_power(Precision(0.05, np.inf), 0.5), 3)
    0.05
    """
    edge = float(t.ppf(1 - alpha / 2, known.freedom)) * _spread(known.freedom)
    shift = (accuracy - CHANCE) / known.error
    return float(np.mean(norm.sf(edge - shift) + norm.cdf(-edge - shift)))


def exclusion_power(known: Precision, excluded: float, alpha: float = 0.05) -> float:
    """Chance that two one-sided t tests rule out accuracies of `excluded` and above, and its mirror image and below.

    Of readers who guess; that is, that the 1 - 2 alpha interval lies inside.
    Schuirmann 1987, J Pharmacokinet Biopharm 15:657-680.
    """
    margin = abs(excluded - CHANCE) / known.error
    room = margin - float(t.ppf(1 - alpha, known.freedom)) * _spread(known.freedom)
    return float(np.mean(np.where(room > 0, norm.cdf(room) - norm.cdf(-room), 0.0)))


def _spread(freedom: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Estimated over true standard error, at `QUANTILES`."""
    if np.isinf(freedom):
        return np.ones(1)
    return np.asarray(np.sqrt(chi2.ppf(QUANTILES, freedom) / freedom), np.float64)

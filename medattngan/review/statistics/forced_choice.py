"""Two-alternative forced choice: in what share of pairs the synthetic one was named, and how sure that is.

Of a pair one is real and one synthetic, so a reader who leans to one answer is right in half of them: the share of
right choices is free of that bias (Green and Swets 1966; Macmillan and Creelman 2005, Detection Theory, ch. 7), and

    d′ = √2 z(share)

Choices are not independent. Readers share pairs, and pairs share patients, so the variance is over clusters, the pairs
with one patient's real slice. Variance, covariance and the pooling of readers are those of `pooling`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from medattngan.review.statistics.pooling import Pooled, combine, covariance_of_means
from medattngan.review.statistics.reads import Grid, Groups
from medattngan.review.statistics.signal_detection import corrected_rate
from medattngan.statistics.intervals import Interval, wilson

Values = npt.NDArray[np.float64]


def shares(chosen: Grid) -> Values:
    """(R,): each reader's mean over the pairs read; NaN for a reader without one."""
    counts = np.isfinite(chosen).sum(axis=1)
    return np.where(counts > 0, np.nansum(chosen, axis=1) / np.where(counts > 0, counts, 1), np.nan)


def share_interval(share: float, pairs: int, clusters: int, variance: float, level: float = 0.95) -> Interval:
    """Wilson's interval of one reader's share, with as many pairs as would vary by chance alone as much as these do.

    At 0 and 1, where nothing varies, every cluster counts once. Never narrower than of independent pairs.

    >>> share_interval(0.5, 10, 10, 0.025) == wilson(5, 10)
    True
    """
    alike = share * (1 - share) / variance if variance > 0 else float(clusters)
    count = min(max(alike, 1.0), float(pairs))
    return wilson(share * count, count, level)


def pooled_share(chosen: Grid, groups: Groups) -> Pooled | None:
    """The share over all readers, for readers and patients like these; None if nobody read two clusters."""
    return combine(shares(chosen), covariance_of_means(chosen, groups), (0.0, 1.0))


def share_entry(chosen: Grid, groups: Groups, level: float = 0.95) -> dict[str, Any]:
    """Value and intervals of the share over all readers, for JSON."""
    pooled = pooled_share(chosen, groups)
    known = shares(chosen)[np.isfinite(shares(chosen))]
    if not len(known):
        return {"value": None, "ci95": None, "ci95_these_readers": None, "readers": 0, "se": None}
    if pooled is None or max(pooled.error, pooled.error_cases) == 0:
        clusters = len(np.unique(groups[np.isfinite(chosen).any(axis=0)]))
        interval = list(wilson(float(known.mean()) * clusters, clusters, level))
        value = {"value": float(known.mean()), "ci95": interval, "ci95_these_readers": interval}
        return {**value, "readers": len(known), "se": None}
    return {
        "value": pooled.value,
        "ci95": list(pooled.interval(level)),
        "ci95_these_readers": list(pooled.interval_cases(level)),
        "readers": pooled.readers,
        "se": max(pooled.error, pooled.error_cases),
    }


def d_prime_of_pairs(right: float, pairs: int) -> float:
    """√2 z(share), with the log-linear correction of `signal_detection`.

    >>> round(d_prime_of_pairs(76_025, 100_000), 2), d_prime_of_pairs(5, 10)
    (1.0, 0.0)
    """
    return float(np.sqrt(2) * norm.ppf(corrected_rate(right, pairs))) + 0.0

"""How long readers took, and whether they got faster, better or tired on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, theilslopes

from medattngan.review.statistics.reads import Grid, Reads
from medattngan.statistics.intervals import wilson

LEAST_FOR_TREND = 5
PARTS = 3


def spread(seconds: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Median, quartiles and sum, which long pauses do not move much. All None where nothing was timed."""
    known = seconds[np.isfinite(seconds)]
    if not len(known):
        return {"median_s": None, "quartiles_s": None, "total_min": None}
    low, median, high = (float(value) for value in np.quantile(known, [0.25, 0.5, 0.75]))
    return {"median_s": median, "quartiles_s": [low, high], "total_min": float(known.sum()) / 60}


def time_trend(position: npt.NDArray[np.float64], seconds: npt.NDArray[np.float64]) -> dict[str, Any] | None:
    """Seconds gained or lost over ten cases: the median of the slopes of all pairs, which pauses leave alone.

    Theil 1950; Sen 1968, J Am Stat Assoc 63:1379-1389. None for fewer than five reads.
    """
    known = np.isfinite(position) & np.isfinite(seconds)
    if known.sum() < LEAST_FOR_TREND:
        return None
    fit = theilslopes(seconds[known], position[known], alpha=0.95)
    return {"seconds_per_10_cases": 10 * float(fit[0]), "ci95": [10 * float(fit[2]), 10 * float(fit[3])]}


def order_effect(reads: Reads) -> dict[str, Any]:
    """Did readers get more right as they went on (learning) or less (fatigue)?

    The share right in each third of the reader's order, and the change of accuracy from the first to the last case by a
    straight line within readers, each at their own level, with a variance that allows for reads of unequal spread
    (White 1980, Econometrica 48:817-838).
    """
    last = int(np.nanmax(reads.position))
    thirds = []
    for part in range(PARTS):
        inside = (reads.position > part * last / PARTS) & (reads.position <= (part + 1) * last / PARTS)
        right = reads.right[inside & np.isfinite(reads.right)]
        if len(right):
            share, interval = float(right.mean()), list(wilson(float(right.sum()), len(right)))
            thirds.append({"part": part + 1, "reads": len(right), "accuracy": share, "ci95": interval})
    return {"thirds": thirds, **_line(reads, last)}


def _line(reads: Reads, last: int) -> dict[str, Any]:
    known = np.isfinite(reads.right) & np.isfinite(reads.position)
    x, y = _within(reads.position, known), _within(reads.right, known)
    leverage = float((x**2).sum())
    if known.sum() <= len(reads.readers) + 1 or leverage == 0:
        return {"change": None, "ci95": None, "note": "Too few reads for a trend over the order."}
    line = float((x * y).sum()) / leverage
    correction = known.sum() / (known.sum() - len(reads.readers) - 1)
    error = float(np.sqrt(correction * ((x * (y - line * x)) ** 2).sum())) / leverage
    span, half = last - 1, float(norm.ppf(0.975)) * error
    return {"change": span * line, "ci95": [span * (line - half), span * (line + half)], "note": None}


def _within(grid: Grid, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Each reader's values about that reader's mean, in one row."""
    rows = [row[seen] - row[seen].mean() for row, seen in zip(grid, known, strict=True) if seen.any()]
    return np.concatenate(rows) if rows else np.empty(0)

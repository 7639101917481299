"""Do readers give the same answers, beyond what their habits alone would bring about?"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.review.statistics.reads import Grid, Reads
from medattngan.statistics.draws import MANY_REPLICATES, draw_cases, percentile_interval
from medattngan.statistics.intervals import Interval

Counts = npt.NDArray[np.float64]


def answer_counts(answers: Grid) -> Counts:
    """(n, K): how many readers gave each of the K different answers to each case."""
    kinds = np.unique(answers[np.isfinite(answers)])
    if not len(kinds):
        return np.zeros((answers.shape[1], 0))
    return np.stack([(answers == kind).sum(axis=0) for kind in kinds], axis=1).astype(np.float64)


def fleiss_kappa(counts: Counts) -> float:
    """κ = (P - Pe) / (1 - Pe). Fleiss 1971, Psychol Bull 76:378-382.

    P is the share of pairs of readers who agree, averaged over the cases with two or more reads; Pe is what the shares
    of the answers alone would give, Σ p_j². Cases read by fewer readers count as one case each.

    Args:
        counts: (n, K) how many readers gave each answer to each case.

    Returns:
        κ; NaN where one answer was given throughout, or no case was read twice.

    >>> fleiss_kappa(np.array([[3, 0], [0, 3]]))
    1.0
    """
    totals = counts.sum(axis=1)
    counts, totals = counts[totals >= 2], totals[totals >= 2]
    if not len(totals):
        return float("nan")
    agreeing = float(((counts * (counts - 1)).sum(axis=1) / (totals * (totals - 1))).mean())
    expected = float(((counts / totals[:, None]).mean(axis=0) ** 2).sum())
    return float("nan") if np.isclose(expected, 1) else (agreeing - expected) / (1 - expected)


def kappa_interval(counts: Counts, rng: np.random.Generator) -> Interval | None:
    """95 % percentile bootstrap over cases. Readers are not drawn: a reader drawn twice would agree with themselves."""
    totals = counts.sum(axis=1, keepdims=True)
    counts, totals = counts[totals[:, 0] >= 2], totals[totals[:, 0] >= 2]
    count = len(counts)
    drawn = draw_cases(rng, count, MANY_REPLICATES) / count
    agreeing = drawn @ ((counts * (counts - 1)).sum(axis=1) / (totals * (totals - 1))[:, 0])
    expected = ((drawn @ (counts / totals)) ** 2).sum(axis=1)
    known = ((agreeing - expected) / np.where(expected < 1 - 1e-9, 1 - expected, np.nan))[expected < 1 - 1e-9]
    if len(known) < 0.9 * MANY_REPLICATES:
        return None
    return percentile_interval(known)


def cohen_kappa(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """κ of two readers over the cases that both read. Cohen 1960, Educ Psychol Meas 20:37-46. NaN as above.

    >>> cohen_kappa(np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 0, 0]))
    0.5
    """
    both = np.isfinite(one) & np.isfinite(other)
    one, other = one[both], other[both]
    if not len(one):
        return float("nan")
    kinds = np.unique(np.concatenate([one, other]))
    agreeing = float(np.mean(one == other))
    expected = float(sum(np.mean(one == kind) * np.mean(other == kind) for kind in kinds))
    return float("nan") if np.isclose(expected, 1) else (agreeing - expected) / (1 - expected)


def agreement(reads: Reads, rng: np.random.Generator) -> dict[str, Any]:
    """Fleiss' κ of calls (real, cannot tell, synthetic), confidence steps and ratings; Cohen's κ of pairs."""
    questions = {"calls": reads.calls, "confidence": reads.scores, **reads.ratings}
    entries = {name: _entry(grid, rng) for name, grid in questions.items()}
    pairs = []
    for one, other in combinations(range(len(reads.readers)), 2):
        value = cohen_kappa(reads.calls[one], reads.calls[other])
        common = int(np.sum(np.isfinite(reads.calls[one]) & np.isfinite(reads.calls[other])))
        names = [reads.readers[one], reads.readers[other]]
        pairs.append({"readers": names, "cases": common, "kappa": value if np.isfinite(value) else None})
    return {"fleiss": entries, "cohen_calls": pairs}


def _entry(grid: Grid, rng: np.random.Generator) -> dict[str, Any]:
    counts = answer_counts(grid)
    twice = int((counts.sum(axis=1) >= 2).sum())
    value = fleiss_kappa(counts)
    if np.isfinite(value):
        interval = kappa_interval(counts, rng)
        return {"value": value, "ci95": list(interval) if interval else None, "cases": twice, "note": None}
    reason = "no case has two readers" if not twice else "all readers gave one and the same answer throughout"
    return {"value": None, "ci95": None, "cases": twice, "note": f"Agreement cannot be computed: {reason}."}

"""The ROC curve: points, area, area of many resamples or deals, and what each case adds to the area."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]


def area(
    ones: npt.NDArray[Any],
    others: npt.NDArray[Any],
    times_ones: Scores | None = None,
    times_others: Scores | None = None,
) -> float:
    """The probability that one of `ones` scores higher than one of `others`, a tie counting half (Mann-Whitney).

    Args:
        ones: (n,) scores.
        others: (m,) scores.
        times_ones: (n,) how often each counts, such as in a resample; once if not given.
        times_others: (m,) the same of the others.

    >>> area(np.array([1.0, 3.0]), np.array([2.0, 0.0]))
    0.75
    """
    a = np.ones(len(ones)) if times_ones is None else times_ones
    b = np.ones(len(others)) if times_others is None else times_others
    order = np.argsort(others, kind="stable")
    summed = np.concatenate([[0.0], np.cumsum(b[order])])
    below = summed[np.searchsorted(others[order], ones, "left")]
    not_above = summed[np.searchsorted(others[order], ones, "right")]
    return float((a * (below + not_above)).sum() / 2 / (a.sum() * b.sum()))


def areas_of_deals(scores: Scores, deals: npt.NDArray[np.bool_]) -> Scores:
    """The area for each way to deal the cases to two classes, from one sorting of the scores.

    Args:
        scores: (n,) finite.
        deals: (deals, n) which cases are dealt to the class that should score higher.

    Returns:
        (deals,); NaN where a deal leaves a class without a case.

    >>> areas_of_deals(np.array([1.0, 2.0, 2.0]), np.array([[False, True, False], [True, True, True]])).tolist()
    [0.75, nan]
    """
    ordered = np.sort(scores)
    ranks = (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right") + 1) / 2
    dealt = deals.astype(np.float64)
    ones = dealt.sum(axis=1)
    pairs = ones * (len(scores) - ones)
    beaten = dealt @ ranks - ones * (ones + 1) / 2
    return np.where(pairs > 0, beaten / np.where(pairs > 0, pairs, 1), np.nan)


def auc_components(synthetic: Scores, real: Scores) -> tuple[Scores, Scores]:
    """For each case the share of the other class that it beats, a tie counting half.

    The structural components of DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845. The mean of either array
    is the area: the probability that a synthetic slice gets a higher step than a real one (Mann-Whitney).

    Args:
        synthetic: (n,) steps given to synthetic slices, higher meaning more surely synthetic.
        real: (m,) steps given to real slices.

    Returns:
        (n,) and (m,), in [0, 1].

    >>> [part.tolist() for part in auc_components(np.array([2.0, 3.0]), np.array([1.0, 2.0]))]
    [[0.75, 1.0], [1.0, 0.75]]
    """
    return _beaten(synthetic, real), 1 - _beaten(real, synthetic)


def _beaten(ones: Scores, others: Scores) -> Scores:
    ordered = np.sort(others)
    below, upto = np.searchsorted(ordered, ones, "left"), np.searchsorted(ordered, ones, "right")
    return np.asarray((below + upto) / (2 * len(others)), np.float64)


def roc_points(synthetic: Scores, real: Scores, steps: Scores) -> tuple[Scores, Scores]:
    """False and true positive share at each threshold, from (0, 0) to (1, 1). The area below is the AUC."""
    thresholds = np.append(np.sort(steps)[::-1], -np.inf)
    false_alarms = np.array([np.mean(real >= edge) for edge in thresholds])
    hits = np.array([np.mean(synthetic >= edge) for edge in thresholds])
    return np.concatenate([[0.0], false_alarms]), np.concatenate([[0.0], hits])


def mean_curve(curves: list[tuple[Scores, Scores]]) -> tuple[Scores, Scores]:
    """The readers' curves averaged upright, so that the area is the mean of their areas. Upright steps stay upright."""
    grid = np.unique(np.concatenate([false_alarms for false_alarms, _ in curves]))
    low = np.mean([_height(curve, grid, lowest=True) for curve in curves], axis=0)
    high = np.mean([_height(curve, grid, lowest=False) for curve in curves], axis=0)
    return np.repeat(grid, 2), np.stack([low, high], axis=1).ravel()


def _height(curve: tuple[Scores, Scores], grid: Scores, *, lowest: bool) -> Scores:
    """Of a curve over `grid`; where the curve goes straight up, the foot or the top."""
    false_alarms, hits = curve
    places = np.unique(false_alarms)
    foot = np.array([np.min(hits[false_alarms == place]) for place in places])
    top = np.array([np.max(hits[false_alarms == place]) for place in places])
    inside = np.clip(np.searchsorted(places, grid, "right") - 1, 0, len(places) - 2)
    share = (grid - places[inside]) / (places[inside + 1] - places[inside])
    between = top[inside] + share * (foot[inside + 1] - top[inside])
    exact = np.isin(grid, places)
    between[exact] = (foot if lowest else top)[np.searchsorted(places, grid[exact])]
    return np.asarray(between, np.float64)

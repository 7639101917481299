"""Paired comparison of arms on the same test patients, over seeds: a bootstrap over both.

A seed decides which real images were to be had, a patient whom the classifier meets: both vary, so both are drawn anew
(Davison & Hinkley 1997, section 3.8, for two crossed factors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from medattngan.statistics.draws import MANY_REPLICATES, draw_patients_within, percentile_interval
from medattngan.statistics.roc import area

Array = npt.NDArray[np.float64]


def balanced_accuracy(truth: npt.NDArray[np.intp], chances: Array, weights: Array) -> float:
    """Mean over classes of the share called right; `weights` (count,) say how often each image stands."""
    right = chances.argmax(1) == truth
    return float(np.mean([np.average(right[truth == k], weights=weights[truth == k]) for k in np.unique(truth)]))


def auc(truth: npt.NDArray[np.intp], chances: Array, weights: Array) -> float:
    """Mean over classes of the area under the ROC curve of one class against the rest; ties count a half.

    >>> auc(np.array([0, 0, 1, 1]), np.array([[.9, .1], [.6, .4], [.4, .6], [.2, .8]]), np.ones(4))
    1.0
    """
    areas = []
    for k in np.unique(truth):
        own = truth == k
        areas.append(area(chances[own, k], chances[~own, k], weights[own], weights[~own]))
    return float(np.mean(areas))


SCORES: dict[str, Callable[[npt.NDArray[np.intp], Array, Array], float]] = {
    "balanced_accuracy": balanced_accuracy,
    "auc": auc,
}


def score_arms(
    truth: npt.NDArray[np.intp],
    patients: npt.NDArray[np.str_],
    chances: dict[str, list[Array]],
    baselines: Sequence[str],
    *,
    seed: int = 0,
    replicates: int = MANY_REPLICATES,
) -> dict[str, dict[str, object]]:
    """By score: every arm, and every other arm's difference from each baseline, with 95 % intervals, and the `baseline`
    that fared better. It is chosen by the test images, in its own favour: what is above it is above both.

    Args:
        truth: (count,) classes of the test images.
        patients: (count,) whose they are.
        chances: by arm, one (count, classes) a seed; the same seeds in the same order in every arm.
        baselines: arms that the others must be better than.
    """
    rng = np.random.default_rng([seed, 13])
    weights = draw_patients_within(rng, patients, truth, replicates).astype(np.float64)
    seeds = len(next(iter(chances.values())))
    drawn = np.random.default_rng([seed, 14]).integers(0, seeds, (replicates, seeds))
    result: dict[str, dict[str, object]] = {}
    for name, function in SCORES.items():
        values = {arm: [function(truth, c, np.ones(len(truth))) for c in own] for arm, own in chances.items()}
        spread = {
            arm: np.mean(
                np.array([[function(truth, c, w) for w in weights] for c in own])[drawn.T, np.arange(replicates)], 0
            )
            for arm, own in chances.items()
        }
        arms = {
            arm: {
                "value": float(np.mean(values[arm])),
                "ci95": list(percentile_interval(spread[arm])),
                "by_seed": values[arm],
            }
            for arm in chances
        }
        differences = {
            f"{a} - {b}": {
                "value": float(np.mean(values[a]) - np.mean(values[b])),
                "ci95": list(percentile_interval(spread[a] - spread[b])),
                "by_seed": [x - y for x, y in zip(values[a], values[b], strict=True)],
            }
            for a in chances
            if a not in baselines
            for b in baselines
        }
        best = max(baselines, key=lambda arm: float(np.mean(values[arm])))
        result[name] = {"arms": arms, "differences": differences, "baseline": best}
    return result

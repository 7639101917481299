"""The classifier and its recipe, the same in all arms: logistic regression on the features of an ImageNet network.

With 10 to 50 images a class this is hard to beat: nothing but the last layer is learned, and its one parameter is
chosen on the real images alone, by cross-validation over patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

Array = npt.NDArray[np.float64]
STRENGTHS = 10.0 ** np.arange(-5, 1)
"""Inverse strengths of the L2 penalty that are tried."""


@dataclass(frozen=True)
class FeatureSet:
    """Images as the classifier sees them.

    Args:
        features: (count, dim).
        labels: (count,) class names.
        groups: (count,) patients, for real images and what is made of them.
    """

    features: Array
    labels: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    def __add__(self, other: FeatureSet) -> FeatureSet:
        return FeatureSet(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.groups, other.groups]),
        )


def choose_strength(real: FeatureSet, seed: int) -> float:
    """The L2 strength with the best cross-entropy on patients left out, from the real images alone."""
    patients = min(len(np.unique(real.groups[real.labels == name])) for name in np.unique(real.labels))
    if patients < 2:
        return 0.01
    folds = StratifiedGroupKFold(min(5, patients), shuffle=True, random_state=seed)
    losses = np.zeros(len(STRENGTHS))
    for inner, outer in folds.split(real.features, real.labels, real.groups):
        kept = FeatureSet(real.features[inner], real.labels[inner], real.groups[inner])
        if len(np.unique(kept.labels)) < len(np.unique(real.labels)):
            continue
        for number, strength in enumerate(STRENGTHS):
            model = fit(kept, None, strength, kept)
            losses[number] -= _log_likelihood(model, real, outer, kept)
    return float(STRENGTHS[losses.argmin()])


def fit(real: FeatureSet | None, made: FeatureSet | None, strength: float, scale: FeatureSet) -> LogisticRegression:
    """Fit on real images, on made ones, or on both at half the weight each.

    However many images there are, they weigh as much as the real ones alone: `strength` means the same in every arm.

    Args:
        scale: the real images whose mean and deviation standardise all features.
    """
    parts = [part for part in (real, made) if part is not None]
    together = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    weights = np.concatenate([np.full(len(p.labels), len(scale.labels) / len(parts) / len(p.labels)) for p in parts])
    model = LogisticRegression(C=strength, max_iter=2000, class_weight="balanced")
    return model.fit(standardise(together.features, scale), together.labels, sample_weight=weights)


def standardise(features: Array, scale: FeatureSet) -> Array:
    """Features with the mean and deviation of `scale` taken out; what never varies there is left at zero."""
    deviation = scale.features.std(0)
    standard: Array = (features - scale.features.mean(0)) / np.where(deviation > 1e-6, deviation, np.inf)
    return standard


def _log_likelihood(
    model: LogisticRegression, real: FeatureSet, rows: npt.NDArray[np.intp], scale: FeatureSet
) -> float:
    # Rounded off, a chance may be 0: it is as wrong as 1e-12, and no more.
    chances = np.log(np.clip(model.predict_proba(standardise(real.features[rows], scale)), 1e-12, 1.0))
    columns = np.searchsorted(model.classes_, real.labels[rows])
    return float(chances[np.arange(len(rows)), columns].sum())

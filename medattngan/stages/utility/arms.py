"""The arms of one cell of `end_to_end`, and what validation chooses in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from medattngan.core.types import Images
from medattngan.stages.utility.network import Labelled, Recipe, chances, cross_entropy, fit

REAL, CLASSICAL, SYNTHETIC, BOTH = "real", "real + classical", "real + synthetic", "real + classical + synthetic"
STRENGTHS = (0.4, 0.8)
"""Probabilities of each transform that are tried, besides none."""
SHARES = (0.25, 0.5, 0.75)
"""Of a batch that is synthetic, besides none."""


@dataclass(frozen=True)
class Judges:
    """Slices of patients that nobody is trained on.

    Args:
        validation: choose by these.
        test: score these, (count, 1, H, W).
    """

    validation: Labelled
    test: Images


@dataclass(frozen=True)
class Tried:
    """One classifier, and the cross-entropy of the validation slices with it."""

    recipe: Recipe
    network: nn.Module
    loss: float


def arms(
    judges: Judges, real: Labelled, made: Labelled, recipe: Recipe
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, Any]]:
    """The chances of each class for every test slice, (count, classes), by arm; and what was chosen, with all losses.

    Args:
        recipe: of the arm with real slices alone.
    """

    def tried(asked: Recipe) -> Tried:
        network = fit(real, made if asked.share else None, asked)
        return Tried(asked, network, cross_entropy(network, judges.validation))

    alone = tried(recipe)
    augmented = _best([alone, *(tried(replace(recipe, probability=one)) for one in STRENGTHS)])
    with_made = _best([alone, *(tried(replace(recipe, share=one)) for one in SHARES)])
    both = _best([augmented, *(tried(replace(augmented.recipe, share=one)) for one in SHARES)])
    found = {REAL: alone, CLASSICAL: augmented, SYNTHETIC: with_made, BOTH: both}
    chosen = {
        arm: {"probability": one.recipe.probability, "share": one.recipe.share, "validation_loss": one.loss}
        for arm, one in found.items()
    }
    return {arm: chances(one.network, judges.test) for arm, one in found.items()}, chosen


def _best(tried: list[Tried]) -> Tried:
    """That with the least loss; of equal ones the first, which has less added."""
    return min(tried, key=lambda one: one.loss)


def told(chosen: Mapping[str, Mapping[str, float]]) -> str:
    """What was chosen, in a line.

    >>> told({CLASSICAL: {"probability": 0.4}, SYNTHETIC: {"share": 0.0}, BOTH: {"share": 0.5}})
    'classical 0.4, synthetic 0, both 0.5'
    """
    strength, share, both = chosen[CLASSICAL]["probability"], chosen[SYNTHETIC]["share"], chosen[BOTH]["share"]
    return f"classical {strength:g}, synthetic {share:g}, both {both:g}"

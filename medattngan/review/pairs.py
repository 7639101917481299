"""A case as a pair: a synthetic one and a real one beside each other, each as often left as right."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medattngan.core.types import Codes
from medattngan.review.slices import Slices


def in_pairs(slices: Slices, rng: np.random.Generator) -> tuple[Codes, pd.DataFrame]:
    """The synthetic ones, each with the real one that was chosen to match it.

    The synthetic one lies right in half of the pairs (one more where their number is odd), so that who always names
    one side is right in half of them.

    Args:
        slices: `count` synthetic ones, then the real ones in the same order.
        rng: decides the sides.

    Returns:
        (count, 2, …) uint16, left and right; and the truth of each pair: `right` says whether the synthetic one lies
        there, `row` is of the samples, `real_row` and `patient` of the store; `label` and `position_mm` are those of
        the real one.
    """
    count = len(slices.cases) // 2
    right = rng.permutation(np.arange(count) % 2 == 0)
    synthetic, real = slices.cases[:count], slices.cases[count:]
    turned = right.reshape(-1, *(1 for _ in synthetic.shape[1:]))
    pairs: Codes = np.stack([np.where(turned, real, synthetic), np.where(turned, synthetic, real)], axis=1)
    made, found = (part.reset_index(drop=True) for part in (slices.truth[:count], slices.truth[count:]))
    truth = found[["patient", "label", "position_mm"]].assign(row=made["row"], real_row=found["row"], right=right)
    return pairs, truth

"""Which real slices a cell may see: so many of each class, by patient, the same for every arm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.core.files import UserError
from medattngan.core.text import counted


def halve(index: pd.DataFrame, seed: int) -> npt.NDArray[np.bool_]:
    """True for the slices of a random half of the patients of every class: the pool that may be labelled.

    The other half are the patients whose slices a group would have without labels. A patient stands in one half only,
    whatever classes its slices have; it counts under its first.
    """
    rng = np.random.default_rng([seed, 11])
    first = index.groupby("patient", sort=True)["label"].first()
    chosen: set[str] = set()
    for _, own in first.groupby(first, sort=True):
        names = np.array(sorted(own.index))
        chosen |= set(rng.permutation(names)[: (len(names) + 1) // 2])
    return index["patient"].isin(chosen).to_numpy(bool)


def draw_per_class(index: pd.DataFrame, count: int, seed: int) -> npt.NDArray[np.bool_]:
    """True for `count` slices of each class: one of each patient in random order, then a second of each, and so on.

    Raises:
        UserError: a class has fewer slices.

    >>> table = pd.DataFrame({"patient": list("aabbccdd"), "label": list("xxxxyyyy")})
    >>> picked = draw_per_class(table, 2, seed=0)
    >>> sorted(table["patient"][picked])
    ['a', 'b', 'c', 'd']
    """
    rng = np.random.default_rng([seed, count, 12])
    keep = np.zeros(len(index), bool)
    shuffled = index.assign(row=np.arange(len(index))).iloc[rng.permutation(len(index))]
    for label, own in shuffled.groupby("label", sort=True):
        if len(own) < count:
            raise UserError(
                f"class {label} has {counted(len(own), 'slices')} to draw from, not {count}; ask for fewer per class."
            )
        turn = own.groupby("patient", sort=False).cumcount()
        keep[own["row"].to_numpy()[np.argsort(turn.to_numpy(), kind="stable")[:count]]] = True
    return keep

"""Which slices a study shows: spread over patients, and alike in label and position on both sides."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from medattngan.core.files import UserError

APART_MM = 10.0
"""Slices of one patient closer than this look alike."""


def choose_synthetic(
    table: pd.DataFrame, count: int, rng: np.random.Generator, without: frozenset[int] = frozenset()
) -> list[int]:
    """Rows of `count` samples drawn at random; those an audit `flagged` are left out, and those of `without`.

    Raises:
        UserError: there are not enough.
    """
    usable = np.arange(len(table))
    if "flagged" in table:
        usable = usable[~table["flagged"].astype("boolean").fillna(False).to_numpy(bool)]
    flagged = len(table) - len(usable)
    usable = usable[~np.isin(usable, list(without))]
    if len(usable) < count:
        left_out = f", {flagged} flagged ones left out" if flagged else ""
        left_out += f", {len(without)} with letters left out (--letters keep shows them)" if without else ""
        raise UserError(f"--count {count} asks for more synthetic slices than the {len(usable)} there are{left_out}.")
    return [int(row) for row in rng.choice(usable, count, replace=False)]


def choose_real(
    index: pd.DataFrame,
    wanted: pd.DataFrame,
    rng: np.random.Generator,
    without: frozenset[int] = frozenset(),
    apart_mm: float = APART_MM,
) -> list[int]:
    """Rows of `index`, one for each row of `wanted`: where known, of the same `label` and the nearest `position_mm`.

    The patient used least comes first, so that no patient has two slices before every other that fits has one. A
    further slice of a patient is `apart_mm` from those taken, where it can be. Beyond that chance decides: a rule such
    as "the farthest" would fill the real side with the ends of the body part.

    Args:
        index: of a SliceStore.
        wanted: columns `label` and `position_mm`, missing where unknown.
        without: rows that are left out.
        apart_mm: how far slices of one patient lie apart where they can; stacks that do not overlap need more.

    Raises:
        UserError: `index` has fewer rows than `wanted`.
    """
    if len(index) - len(without) < len(wanted):
        left_out = f", {len(without)} with letters left out (--letters keep shows them)" if without else ""
        there = len(index) - len(without)
        raise UserError(f"--count {len(wanted)} asks for more real slices than the {there} there are{left_out}.")
    patients, _ = pd.factorize(index["patient"])
    labels = index["label"].astype("object").where(index["label"].notna(), None).to_numpy()
    positions = index["position_mm"].to_numpy(float)
    free = ~np.isin(np.arange(len(index)), list(without))
    taken: list[list[float]] = [[] for _ in range(patients.max() + 1)]
    times = np.zeros(len(taken), int)
    chosen: list[int] = []
    for label, position in zip(wanted["label"], wanted["position_mm"], strict=True):
        alike = free & (labels == label) if not pd.isna(label) else free
        rows = np.flatnonzero(alike if alike.any() else free)
        rows = rows[times[patients[rows]] == times[patients[rows]].min()]
        apart = np.array([_apart(positions[row], taken[patients[row]], apart_mm) for row in rows])
        rows = rows[apart] if apart.any() else rows
        if not math.isnan(position) and not np.isnan(positions[rows]).all():
            distance = np.nan_to_num(np.abs(positions[rows] - position), nan=np.inf)
            rows = rows[distance == distance.min()]
        best = int(rng.choice(rows))
        free[best] = False
        times[patients[best]] += 1
        taken[patients[best]].append(float(positions[best]))
        chosen.append(best)
    return chosen


def _apart(position: float, others: list[float], apart_mm: float) -> bool:
    """Whether a slice lies `apart_mm` or more from all `others` of its patient; unknown positions are no neighbours."""
    return not any(abs(position - other) < apart_mm for other in others)

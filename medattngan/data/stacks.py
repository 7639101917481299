"""Stacks: neighbouring slices of one series, evenly spaced, as views of a store.

A stack is a row of slice numbers. Nothing is copied or interpolated: where a wider step is asked for, slices between
are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.core.text import counted
from medattngan.data.alike import SPACING_TOLERANCE

if TYPE_CHECKING:
    from medattngan.core.types import Codes
    from medattngan.data.store import SliceStore

Rows = npt.NDArray[np.intp]

REASONS: dict[str, str] = {
    "no position": "a slice of the series has no position_mm",
    "two at one place": "two slices of the series lie at one place",
    "gaps": "the steps between the slices of the series differ",
    "another step": "no whole number of slices makes the step of the others, or the one asked for",
    "another pixel size": "its pixels are not as large as those of the others",
    "too few slices": "the series is shorter than a stack",
}
"""Why a series has no stack."""


@dataclass(frozen=True)
class Stacks:
    """Stacks of one depth and one step.

    Args:
        store: whose slices they are.
        rows: (count, depth) slices of `store`, from the least position to the greatest.
        step_mm: from slice to slice.
        set_aside: how many series have no stack, by reason (see REASONS).
    """

    store: SliceStore
    rows: Rows
    step_mm: float
    set_aside: dict[str, int]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def depth(self) -> int:
        """Slices of a stack."""
        return int(self.rows.shape[1])

    def codes(self, i: int) -> Codes:
        """Stack `i` as stored: (depth, H, W) uint16."""
        return self.store.read([int(row) for row in self.rows[i]])

    def positions_mm(self) -> npt.NDArray[np.float64]:
        """Where the slices lie along their normal: (count, depth)."""
        positions: npt.NDArray[np.float64] = self.store.index["position_mm"].to_numpy(np.float64)[self.rows]
        return positions

    def patients(self) -> list[str]:
        """The patient of each stack, by pseudonym."""
        return [str(name) for name in self.store.index["patient"].to_numpy()[self.rows[:, 0]]]

    def one_each(self, centre_mm: float) -> Stacks:
        """Of each series the stack whose middle lies nearest to `centre_mm`, in the order of the stacks."""
        away = np.abs(self.positions_mm().mean(1) - centre_mm)
        series = self.store.index["series"].astype(str).to_numpy()[self.rows[:, 0]]
        best = [np.flatnonzero(series == one)[away[series == one].argmin()] for one in dict.fromkeys(series)]
        return Stacks(self.store, self.rows[np.sort(np.asarray(best, np.intp))], self.step_mm, self.set_aside)


def stacks(store: SliceStore, depth: int, step_mm: float | None = None) -> Stacks:
    """Every stack of `depth` neighbouring slices of `store`; those of a series overlap.

    Args:
        depth: slices of a stack, 2 or more.
        step_mm: from slice to slice, a multiple of the step of the series; None for the commonest step itself.

    Raises:
        UserError: there is no such stack; the sentence says why.
    """
    if depth < 2:
        raise UserError(f"a stack has 2 slices or more; {depth} were asked for.")
    whole, set_aside = _whole_series(store)
    own = {name: float(np.median(np.diff(positions))) for name, (_, positions) in whole.items()}
    if step_mm is None and own:
        steps, counts = np.unique(np.round(list(own.values()), 3), return_counts=True)
        step_mm = float(steps[counts.argmax()])
    found: list[Rows] = [np.empty((0, depth), np.intp)]
    for name, (rows, _) in whole.items():
        assert step_mm is not None
        every = round(step_mm / own[name])
        if every < 1 or abs(every * own[name] - step_mm) > SPACING_TOLERANCE * step_mm:
            set_aside["another step"] = set_aside.get("another step", 0) + 1
            continue
        starts = np.arange(len(rows) - (depth - 1) * every)
        if len(starts) == 0:
            set_aside["too few slices"] = set_aside.get("too few slices", 0) + 1
            continue
        found.append(rows[starts[:, None] + every * np.arange(depth)])
    joined = np.concatenate(found)
    if len(joined) == 0:
        told = "; ".join(f"{counted(n, 'series', 'series')}: {REASONS[name]}" for name, n in set_aside.items())
        asked = "" if step_mm is None else f" {step_mm:g} mm apart"
        raise UserError(f"{store.path} has no stack of {depth} slices{asked} ({told or 'it has no series'}).")
    return Stacks(store, joined, float(step_mm or 0.0), dict(sorted(set_aside.items())))


def _whole_series(store: SliceStore) -> tuple[dict[str, tuple[Rows, npt.NDArray[np.float64]]], dict[str, int]]:
    """The series that are evenly spaced and of one pixel size, rows by position; and how many are not, by reason."""
    index, set_aside = store.index, dict[str, int]()
    pixel = index["spacing_mm"].to_numpy(np.float64)
    known = pixel[np.isfinite(pixel)]
    usual = float(np.median(known)) if len(known) else np.nan
    whole = {}
    for name, rows in _by_series(store):
        positions = index["position_mm"].to_numpy(np.float64)[rows]
        reason = _trouble(positions)
        if not reason and len(known) and not (np.abs(pixel[rows] - usual) <= SPACING_TOLERANCE * usual).all():
            reason = "another pixel size"
        if reason:
            set_aside[reason] = set_aside.get(reason, 0) + 1
        else:
            whole[name] = (rows, positions)
    return whole, set_aside


def _by_series(store: SliceStore) -> Iterator[tuple[str, Rows]]:
    """The rows of each series, from the least position to the greatest."""
    positions = store.index["position_mm"].to_numpy(np.float64)
    for name, members in store.index.groupby("series", sort=True).indices.items():
        rows = np.asarray(members, np.intp)
        yield str(name), rows[np.argsort(positions[rows], kind="stable")]


def _trouble(positions: npt.NDArray[np.float64]) -> str:
    """Why slices at these places, in ascending order, are no stack; empty where they are one."""
    if not np.isfinite(positions).all():
        return "no position"
    if len(positions) < 2:
        return "too few slices"
    steps = np.diff(positions)
    middle = float(np.median(steps))
    if steps.min() <= SPACING_TOLERANCE * middle or middle <= 0:
        return "two at one place"
    return "gaps" if np.abs(steps - middle).max() > SPACING_TOLERANCE * middle else ""

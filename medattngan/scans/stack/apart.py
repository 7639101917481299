"""Several frames at one place: told apart by what the scanner says of them, never by the names of files.

A trait (see `traits`) serves if it leaves at most one frame at a place in each stack. One that serves alone is taken
first; else one that separates some of them, and the rest of the traits within each part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from medattngan.scans.series import Piece, Value
from medattngan.scans.stack.traits import TRAITS

CLEAR_GAP = 1.5
"""Between stacks a number must jump by so many times the largest step within one."""

SPARE = 1.5
"""A trait may have so many times more values than a place has frames: stacks need not cover each other's places."""

COVER = 0.5
"""A part that is to be parted further covers this share of the places; else the trait is one of the slices."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Frames:
    """Frames of one kind: (n,) the place of each, and what is said of each."""

    place: Indices
    pieces: Sequence[Piece]

    def most(self, among: Indices) -> int:
        """The greatest number of frames at a place."""
        return int(np.bincount(self.place[among]).max())

    def is_complete(self, among: Indices) -> bool:
        """Whether every place has as many frames as any."""
        count = np.bincount(self.place[among])
        return len(set(count[count > 0].tolist())) == 1

    def values(self, trait: int, among: Indices) -> list[Value]:
        return [self.pieces[i].traits[trait] if self.pieces[i].traits else None for i in among]


def told_apart(frames: Frames) -> list[Indices]:
    """Stacks with at most one frame at a place, in the order of what tells them apart.

    What nothing tells apart stands alone, a stack of one frame each: that keeps it, and mixes it with nothing.
    """
    every = np.arange(len(frames.pieces))
    if frames.most(every) == 1:
        return [every]
    stacks, copies = _without_copies(frames, every)
    return [*_apart(frames, stacks), *copies]


def _without_copies(frames: Frames, among: Indices) -> tuple[Indices, list[Indices]]:
    """The first of each object; and the second, the third, … of those that are there more than once."""
    seen: dict[tuple[object, ...], int] = defaultdict(int)
    times = []
    for i in among:
        piece = frames.pieces[i]
        key = (piece.instance or i, piece.frame, piece.tile)
        times.append(seen[key])
        seen[key] += 1
    times_of = np.array(times)
    return among[times_of == 0], [among[times_of == k] for k in range(1, int(times_of.max()) + 1)]


def _apart(frames: Frames, among: Indices) -> list[Indices]:
    most = frames.most(among)
    if most == 1:
        return [among]
    parted: list[list[Indices]] = []
    for number, kind in enumerate(TRAITS.values()):
        values = frames.values(number, among)
        if len(set(values)) < 2:
            continue
        parts = _by_value(values, among)
        if _serves(frames, among, parts, most) and (kind == "same" or len(parts) == most):
            return parts
        if kind != "same" and (parts := _by_order(frames, among, values, ranked=kind == "order")):
            return parts
        if kind == "same":
            parted.append(parts)
    for parts in parted:
        if all(frames.most(part) < most and _covers(frames, part, among) for part in parts):
            return [stack for part in parts for stack in _apart(frames, part)]
    return _by_number(frames, among)


def _by_value(values: Sequence[Value], among: Indices) -> list[Indices]:
    """One part for each value, in their order: nothing first, then numbers, text and tuples of numbers."""
    rank = {type(None): 0, float: 1, str: 2, tuple: 3}
    parts: dict[Value, list[int]] = defaultdict(list)
    for value, i in zip(values, among, strict=True):
        parts[value].append(int(i))
    return [np.array(parts[v]) for v in sorted(parts, key=lambda v: (rank[type(v)], () if v is None else (v,)))]


def _serves(frames: Frames, among: Indices, parts: Sequence[Indices], most: int) -> bool:
    limit = most if frames.is_complete(among) else SPARE * most
    return len(parts) <= limit and all(frames.most(part) == 1 for part in parts)


def _covers(frames: Frames, part: Indices, among: Indices) -> bool:
    return len(set(frames.place[part])) >= COVER * len(set(frames.place[among]))


def _by_order(frames: Frames, among: Indices, values: Sequence[Value], ranked: bool) -> list[Indices]:
    """Parts by a number that grows from stack to stack; none if it does not tell.

    Clear jumps part them, so a stack may lack slices. Without such, and with no slice lacking, the first at each place
    is of the first stack (if `ranked`): the phases of a heart whose beats differ from slice to slice.
    """
    numbers = np.array([value if isinstance(value, float) else np.nan for value in values])
    if np.isnan(numbers).any():
        return []
    most, order = frames.most(among), np.argsort(numbers, kind="stable")
    gaps = np.diff(numbers[order])
    cuts = np.sort(np.argsort(-gaps, kind="stable")[: most - 1])
    others = np.delete(gaps, cuts)
    if gaps[cuts].min() > CLEAR_GAP * (others.max() if len(others) else 0.0):
        parts = [among[np.sort(part)] for part in np.split(order, cuts + 1)]
        if _serves(frames, among, parts, most):
            return parts
    if not ranked or not frames.is_complete(among):
        return []
    at_place = np.lexsort((numbers, frames.place[among]))
    rows = numbers[at_place].reshape(-1, most)
    if (np.diff(rows, axis=1) <= 0).any():
        return []
    return [among[np.sort(column)] for column in at_place.reshape(-1, most).T]


def _by_number(frames: Frames, among: Indices) -> list[Indices]:
    """The last resort: Instance Number where it plainly counts through stacks, else each frame alone.

    It does if no place lacks a frame and it runs through all places of one stack before the next, or through all
    stacks at one place before the next.
    """
    pieces, place = frames.pieces, frames.place[among]
    numbers = np.array([pieces[i].order[0] for i in among])
    order = np.argsort(numbers, kind="stable")
    most = frames.most(among)
    if frames.is_complete(among) and len(set(numbers.tolist())) == len(numbers):
        there = place[order].reshape(most, -1), place[order].reshape(-1, most).T
        if any((rows == rows[0]).all() and len(set(rows[0])) == rows.shape[1] for rows in there):
            kth = np.argsort(place[order], kind="stable").reshape(-1, most).T
            return [among[np.sort(order[column])] for column in kth]
    return _alone(frames, among)


def _alone(frames: Frames, among: Indices) -> list[Indices]:
    """What has its place to itself, and one of each set of frames that are told apart by nothing at all if few places
    have such; then the others, one by one."""
    at: dict[int, list[int]] = defaultdict(list)
    for i in sorted(among.tolist(), key=lambda i: (frames.pieces[i].order[0], frames.pieces[i].instance)):
        at[int(frames.place[i])].append(i)
    crowded = [those for those in at.values() if len(those) > 1]
    main = [those[0] for those in at.values() if len(those) == 1]
    if len(main) > len(crowded):
        main += [those.pop(0) for those in crowded if _is_one_slice_twice(frames, those)]
    rest = [i for those in crowded for i in those]
    return [*([np.array(sorted(main))] if main else []), *(np.array([i]) for i in rest)]


def _is_one_slice_twice(frames: Frames, those: Sequence[int]) -> bool:
    """Whether frames agree in number and in all that is said of them: sent again, as a new object."""
    said = [(frames.pieces[i].order[0], frames.pieces[i].traits) for i in those]
    return all(one == other for one, other in pairwise(said))

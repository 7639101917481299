"""Batches of real slices, as a pure function of seed and step: resuming needs no position and no worker state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.conditions.condition import Condition
from medattngan.conditions.mask import Mask
from medattngan.conditions.table import Spread, encoded, spread
from medattngan.conditions.text import PADDING, Text
from medattngan.core.types import Images
from medattngan.data.images import load_images
from medattngan.data.store import SliceStore


def derived_seed(*numbers: int) -> int:
    """A 63-bit seed for `numbers`, such as (seed, step); near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Batches:
    """The endless shuffled stream of one split: batch number `step` is always the same images.

    Args:
        store: the training slices.
        size: height and width wanted; larger slices are averaged down.
        conditions: what the networks are told, which `store` has for every slice.
    """

    def __init__(
        self, store: SliceStore, size: int, batch_size: int, seed: int, conditions: Sequence[Condition] = ()
    ) -> None:
        self.store, self.size, self.batch_size, self.seed = store, size, batch_size, seed
        self.conditions = tuple(conditions)
        plain = [one for one in conditions if not isinstance(one, Mask | Text)]
        self.masks = [one for one in conditions if isinstance(one, Mask)]
        self.told = encoded(plain, {one.name: list(store.index[one.name]) for one in plain})
        self.texts = {
            one.name: one.alternatives(list(store.index[one.name])) for one in conditions if isinstance(one, Text)
        }
        self._epoch = -1
        self._order = np.empty(0, np.intp)

    def rows(self, step: int) -> list[int]:
        """Which slices of the store are in batch number `step`, in order."""
        rows = []
        for position in range(step * self.batch_size, (step + 1) * self.batch_size):
            epoch, offset = divmod(position, len(self.store))
            if epoch != self._epoch:
                self._order = np.random.default_rng([self.seed, epoch]).permutation(len(self.store))
                self._epoch = epoch
            rows.append(int(self._order[offset]))
        return rows

    def __call__(self, step: int, part: slice = slice(None)) -> tuple[Images, dict[str, Tensor]]:
        """Batch number `step`, or a part of it: images (B, 1, size, size) in [-1, 1], and of each condition, by name,
        (B, …)."""
        return load_images(self.store, self.rows(step)[part], self.size), self.conditions_at(step, part)

    def conditions_at(self, step: int, part: slice = slice(None)) -> dict[str, Tensor]:
        """What the networks are told in batch number `step`, or a part of it, by name: (B, …) each."""
        rows = self.rows(step)[part]
        told = {name: one[rows] for name, one in self.told.items()} | self._masks(rows)
        # One of the captions of each slice, another each time: drawn for the whole batch, so that parts of it agree.
        drawn = np.random.default_rng([self.seed, step, 3]).random(self.batch_size)[part]
        return told | {name: one_of(captions[rows], drawn) for name, captions in self.texts.items()}

    def told_to(self, count: int, spread: Spread = spread) -> dict[str, Tensor]:
        """What the networks are told for pictures to look at or to score, by name: `count` each; masks are those of
        slices of the store.

        Args:
            spread: `conditions.table.spread` for a grid that shows what there is, `draw` for what there is as often as
                the training slices have it.
        """
        plain = [one for one in self.conditions if not isinstance(one, Mask)]
        rows = np.random.default_rng([self.seed, 3]).integers(0, len(self.store), count).tolist()
        return encoded(plain, spread(plain, count, self.seed)) | self._masks(rows)

    def _masks(self, rows: Sequence[int]) -> dict[str, Tensor]:
        return {one.name: one.encode(self.store.masks(rows, self.size)) for one in self.masks}


def one_of(captions: Tensor, drawn: npt.NDArray[np.float64]) -> Tensor:
    """One caption a slice, (B, T), of (B, most captions, T) and numbers (B,) in [0, 1) that say which.

    >>> one_of(torch.tensor([[[1], [2]], [[3], [0]]]), np.array([0.9, 0.9]))  # the second slice has but one
    tensor([[2],
            [3]])
    """
    there = (captions[..., 0] != PADDING).sum(1).clamp(min=1)
    chosen = (there * torch.from_numpy(drawn)).long()
    return captions[torch.arange(len(captions)), chosen]

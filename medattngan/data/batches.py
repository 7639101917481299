"""Batches of real slices, as a pure function of seed and step: resuming needs no position and no worker state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from medattngan.conditions.numbers import Condition, standardised
from medattngan.core.types import Images, Values
from medattngan.data.images import load_images
from medattngan.data.store import SliceStore


def derived_seed(*numbers: int) -> int:
    """A 63-bit seed for `numbers`, such as (seed, step); near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Batches:
    """The endless shuffled stream of one split: batch number `step` is always the same images.

    Args:
        store: the training slices.
        labels: names of the classes in order, empty for an unconditional training.
        size: height and width wanted; larger slices are averaged down.
        conditions: the continuous conditions, which `store` has for every slice.
    """

    def __init__(
        self,
        store: SliceStore,
        labels: list[str],
        size: int,
        batch_size: int,
        seed: int,
        conditions: Sequence[Condition] = (),
    ) -> None:
        self.store, self.size, self.batch_size, self.seed = store, size, batch_size, seed
        self.classes = len(labels)
        self.labels = None
        if labels:
            self.labels = torch.tensor([labels.index(name) for name in store.index["label"]])
        self.conditions, self.values = tuple(conditions), None
        if conditions:
            columns = store.index[[one.name for one in conditions]].to_numpy(np.float64)
            self.values = torch.from_numpy(standardised(conditions, columns))
        self._epoch = -1
        self._order = np.empty(0, np.intp)

    def _rows(self, step: int) -> list[int]:
        rows = []
        for position in range(step * self.batch_size, (step + 1) * self.batch_size):
            epoch, offset = divmod(position, len(self.store))
            if epoch != self._epoch:
                self._order = np.random.default_rng([self.seed, epoch]).permutation(len(self.store))
                self._epoch = epoch
            rows.append(int(self._order[offset]))
        return rows

    def __call__(self, step: int) -> tuple[Images, Tensor | None, Values | None]:
        """Batch number `step`: images (B, 1, size, size) in [-1, 1], labels (B,) or None, values or None."""
        rows = self._rows(step)
        images = load_images(self.store, rows, self.size)
        labels = None if self.labels is None else self.labels[rows]
        return images, labels, None if self.values is None else self.values[rows]

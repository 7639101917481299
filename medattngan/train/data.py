"""Batches of real slices, as a pure function of seed and step: resuming needs no position and no worker state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.config import Config
from medattngan.data.conditions import Condition, measure, standardised
from medattngan.data.intensity import codes_to_unit
from medattngan.data.store import SliceStore
from medattngan.files import UserError
from medattngan.types import Images, Values


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


def load_images(store: SliceStore, rows: list[int], size: int) -> Images:
    """Slices as the network sees them, (len(rows), 1, size, size) in [-1, 1], averaged down where larger."""
    images = torch.from_numpy(codes_to_unit(np.stack([store.codes(i) for i in rows]))).unsqueeze(1)
    if images.shape[-1] != size:
        images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return images


def select_training(store: SliceStore, config: Config) -> SliceStore:
    """The split to train on, checked against the configuration.

    Raises:
        UserError: the store is too small in pixels or in slices, or lacks the labels asked for.
    """
    if store.size < config.data.size:
        raise UserError(
            f"data.size is {config.data.size} but {store.path} holds {store.size} px; "
            f"set data.size={store.size} or ingest with --size {config.data.size}."
        )
    part = store.split(config.data.split)
    if config.data.conditional and part.index["label"].isna().any():
        raise UserError(
            f"data.conditional is true but slices of {store.path} have no label; ingest with --labels FILE.csv."
        )
    return part


def describe(store: SliceStore, part: SliceStore, config: Config) -> dict[str, Any]:
    """What a run keeps of its training data so that it can sample without it: nothing of any patient.

    Raises:
        UserError: the training slices do not have the conditions asked for.
    """
    conditions = [measure(part.index, name).record() for name in config.data.conditions]
    labels = part.index["label"].dropna().value_counts().sort_index() if config.data.conditional else None
    intensity = dict(store.intensity)
    if intensity.get("spacing_mm") is not None and store.size != config.data.size:
        intensity["spacing_mm"] = float(intensity["spacing_mm"]) * store.size / config.data.size
    intensity["size"] = config.data.size
    return {
        "digest": store.digest,
        "intensity": intensity,
        "labels": [] if labels is None else [str(name) for name in labels.index],
        "label_counts": [] if labels is None else [int(n) for n in labels],
        "slices": len(part),
        "patients": int(part.index["patient"].nunique()),
        "split": config.data.split,
        **({"conditions": conditions} if conditions else {}),
    }

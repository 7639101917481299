"""Batches of whole stacks: the slices of one stack after those of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from medattngan.conditions.condition import Condition
from medattngan.conditions.table import Spread, encoded, spread
from medattngan.core.files import UserError
from medattngan.data.batches import Batches
from medattngan.data.stacks import Stacks
from medattngan.data.store import SliceStore

POSITION = "position_mm"


class StackBatches(Batches):
    """The endless shuffled stream of the stacks of one split, by step as `Batches` has it.

    Args:
        stacks: to train on; their store is that of the batches.
        batch_size: slices of a batch, whole stacks.

    Raises:
        UserError: `batch_size` is no multiple of the stacks' depth.
    """

    def __init__(
        self, stacks: Stacks, size: int, batch_size: int, seed: int, conditions: Sequence[Condition] = ()
    ) -> None:
        super().__init__(stacks.store, size, batch_size, seed, conditions)
        self.stacks = stacks
        if batch_size % stacks.depth:
            raise UserError(
                f"train.batch_size is {batch_size}, which is no whole number of stacks of {stacks.depth} slices; "
                f"set it to a multiple of stack.depth={stacks.depth}."
            )

    def rows(self, step: int) -> list[int]:
        """Which slices of the store are in batch number `step`, stack after stack."""
        each = self.batch_size // self.stacks.depth
        rows: list[int] = []
        for position in range(step * each, (step + 1) * each):
            epoch, offset = divmod(position, len(self.stacks))
            if epoch != self._epoch:
                self._order = np.random.default_rng([self.seed, epoch]).permutation(len(self.stacks))
                self._epoch = epoch
            rows += self.stacks.rows[self._order[offset]].tolist()
        return rows

    def told_to(self, count: int, spread: Spread = spread) -> dict[str, Tensor]:
        """What the networks are told of stacks for pictures, `count` slices in all: positions of stacks there are, and
        of each other condition one value a stack; (stacks, depth) each."""
        depth = self.stacks.depth
        chosen = np.random.default_rng([self.seed, 3]).integers(0, len(self.stacks), count // depth)
        values: dict[str, Any] = dict(spread(self.conditions, len(chosen), self.seed))
        values = {name: np.repeat(np.asarray(column), depth) for name, column in values.items()}
        values[POSITION] = self.stacks.positions_mm()[chosen].reshape(-1)
        return {name: one.reshape(-1, depth) for name, one in encoded(self.conditions, values).items()}

    def record(self) -> dict[str, Any]:
        """What a run keeps of its stacks: nothing of any one patient.

        `slices` and `centre_mm` are the medians over the series of how many slices such a step makes of them, and of
        where their middle lies.
        """
        index, first = self.store.index, self.stacks.rows[:, 0]
        used = index[index["series"].isin(index["series"].to_numpy()[first])]
        ends = used.groupby("series")[POSITION].agg(["min", "max"])
        step = self.stacks.step_mm
        return {
            "depth": self.stacks.depth,
            "step_mm": step,
            "slices": int(np.median(np.floor((ends["max"] - ends["min"]) / step + 1e-3))) + 1,
            "centre_mm": float(round(np.median(ends.mean(axis=1)))),
            "series": len(ends),
            "set_aside": self.stacks.set_aside,
        }


def batches_of(
    part: SliceStore, size: int, batch_size: int, seed: int, conditions: Sequence[Condition], depth: int,
    step_mm: float | None,
) -> Batches:  # fmt: skip
    """The batches of a training: of slices by themselves where `depth` is 1, else of stacks.

    Raises:
        UserError: there is no stack, or `batch_size` is no whole number of them.
    """
    if depth == 1:
        return Batches(part, size, batch_size, seed, conditions)
    return StackBatches(part.stacks(depth, step_mm), size, batch_size, seed, conditions)

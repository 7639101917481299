"""The label of a slice as a condition: one of a few names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from medattngan.conditions.condition import Column
from medattngan.core.files import UserError


@dataclass(frozen=True)
class Label:
    """One of `names`, which the training slices have `counts` times each.

    >>> Label(("large", "small"), (3, 1)).encode(["small", "large"])
    tensor([1, 0])
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    name: str = "label"

    def encode(self, values: Column) -> Tensor:
        """(count,) int64, the place of each name."""
        return torch.tensor([self.names.index(value) for value in values], dtype=torch.long)

    def parse(self, text: str) -> str:
        """The name itself."""
        return text

    def require(self, values: Column) -> None:
        """Refuse a name that training has not seen.

        Raises:
            UserError: naming those there are.
        """
        for value in values:
            if value not in self.names:
                raise UserError(f"--label {value!r} is not among the labels of this run: {', '.join(self.names)}.")

    def draw(self, count: int, seed: int, place: int) -> list[str]:
        """Names as often as the training slices have them."""
        del place
        frequencies = np.asarray(self.counts, np.float64)
        drawn = np.random.default_rng([seed, 1]).choice(len(self.names), count, p=frequencies / frequencies.sum())
        return [self.names[number] for number in drawn]

    def spread(self, count: int, seed: int, place: int) -> list[str]:
        """The names in turn."""
        del seed, place
        return [self.names[number % len(self.names)] for number in range(count)]

    def column(self, values: Column) -> Any:
        """Text."""
        return pd.array(list(values), dtype="string")

    def record(self) -> dict[str, Any]:
        """Names and counts."""
        return {"kind": "label", "names": list(self.names), "counts": list(self.counts)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Label:
        """What `record` gave."""
        return cls(tuple(str(name) for name in record["names"]), tuple(int(count) for count in record["counts"]))


def measure_labels(index: pd.DataFrame, name: str = "label") -> Label:
    """The labels of the slices of `index`, by name.

    Raises:
        UserError: a slice has none.
    """
    if index[name].isna().any():
        raise UserError("data.conditional is true but slices have no label; ingest with --labels FILE.csv.")
    counted = index[name].value_counts().sort_index()
    return Label(tuple(str(one) for one in counted.index), tuple(int(n) for n in counted))


def is_label(index: pd.DataFrame, name: str) -> bool:
    """Whether the column is that of the labels."""
    return name == "label" and name in index

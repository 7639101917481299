"""Continuous conditions: what a run keeps of a column of numbers, and what the networks are told of a value.

A run keeps the distribution of its training slices as rounded quantiles. The outermost are values that at least
FEWEST_PATIENTS patients reach, so that the oldest patient's age is in no run; values beyond them count as them. In
between, where patients are few, a quantile can be the rounded value of one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from torch import Tensor

from medattngan.core.files import UserError

LEVELS = np.linspace(0, 1, 21)
"""The shares of the training slices at which quantiles are kept."""
FEWEST_PATIENTS = 3
"""No value is kept that fewer training patients lie at or beyond."""
NOT_CONDITIONS = ("lower", "upper")
"""Columns of numbers that say how a slice is stored, not what is on it."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Number:
    """One continuous condition, by the quantiles of the training slices.

    Args:
        name: the column of the store's index.
        quantiles: at LEVELS, ascending; the first and the last are the range.

    >>> age = Number("age", tuple(np.linspace(20, 80, 21)))
    >>> age.standardise([20, 50, 95]), age.at([0.5])
    (array([-1.,  0.,  1.], dtype=float32), array([50.]))
    """

    name: str
    quantiles: tuple[float, ...]

    @property
    def lower(self) -> float:
        """The least value that can be asked for."""
        return self.quantiles[0]

    @property
    def upper(self) -> float:
        """The greatest value that can be asked for."""
        return self.quantiles[-1]

    def encode(self, values: npt.ArrayLike) -> Tensor:
        """(count,) float32 in [-1, 1]; see `standardise`."""
        return torch.from_numpy(self.standardise(np.asarray(values, np.float64)))

    def parse(self, text: str) -> float:
        """A number.

        Raises:
            UserError: it is none.
        """
        try:
            return float(text)
        except ValueError:
            raise UserError(f"--condition {self.name}={text} must be a number, as in position_mm=20.") from None

    def standardise(self, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """What the networks are told: the range mapped to [-1, 1] linearly, values beyond it on its ends."""
        clipped = np.clip(np.asarray(values, np.float64), self.lower, self.upper)
        return (2 * (clipped - self.lower) / (self.upper - self.lower) - 1).astype(np.float32)

    def at(self, shares: npt.ArrayLike) -> Numbers:
        """The values below which these shares of the training slices lie: uniform shares give their distribution."""
        return np.asarray(np.interp(np.asarray(shares, np.float64), LEVELS, self.quantiles))

    def draw(self, count: int, seed: int, place: int) -> Numbers:
        """Values as often as the training slices have them, (count,). The first of many are those of few."""
        return self.at(np.random.default_rng([seed, 2, place]).random(count))

    def spread(self, count: int, seed: int, place: int) -> Numbers:
        """As `draw`."""
        return self.draw(count, seed, place)

    def column(self, values: npt.ArrayLike) -> Numbers:
        """Numbers."""
        return np.asarray(values, np.float64)

    def require(self, values: npt.ArrayLike) -> None:
        """Refuse what training has not seen.

        Raises:
            UserError: a value lies outside the range, or is no number.
        """
        for value in np.atleast_1d(np.asarray(values, np.float64)):
            if not self.lower <= value <= self.upper:
                raise UserError(
                    f"--condition {self.name}={value:g} lies outside what the run was trained on: "
                    f"{self.lower:g} to {self.upper:g}."
                )

    def record(self) -> dict[str, Any]:
        """As it stands in the run's store.json."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Number:
        """What `record` gave."""
        return cls(str(record["name"]), tuple(float(value) for value in record["quantiles"]))


def possible(index: pd.DataFrame) -> list[str]:
    """The columns of a store's index that can be conditions."""
    numbers = [name for name in index if is_numeric_dtype(index[name]) and not is_bool_dtype(index[name])]
    return [str(name) for name in numbers if name not in NOT_CONDITIONS]


def measure(index: pd.DataFrame, name: str) -> Number:
    """The distribution of the column `name` over the slices of `index`.

    Raises:
        UserError: there is no such column of numbers, a slice lacks the number, or too few patients differ in it.
    """
    there = possible(index)
    if name not in there:
        raise UserError(
            f"data.conditions has {name}, but the store's index has no such numbers, only {_listed(there)}."
        )
    values = index[name].astype("float64")
    if missing := int((~np.isfinite(values)).sum()):
        raise UserError(
            f"data.conditions has {name}, but {missing} of {len(values)} training slices have none; "
            "ingest with a table that gives it for every scan."
        )
    by_patient = values.groupby(index["patient"])
    least, greatest = np.sort(by_patient.min()), np.sort(by_patient.max())[::-1]
    if len(least) < FEWEST_PATIENTS or (low := least[FEWEST_PATIENTS - 1]) >= (high := greatest[FEWEST_PATIENTS - 1]):
        raise UserError(
            f"data.conditions has {name}, but no range of it is left once values that fewer than {FEWEST_PATIENTS} of "
            f"{len(least)} patients reach are cut off; train on more patients or leave it out."
        )
    # Rounded to a few thousandths of the range: the decimals of a position tell scans apart.
    decimals = 2 - math.floor(math.log10(high - low))
    quantiles = np.round(np.quantile(values.clip(low, high), LEVELS), decimals)
    return Number(name, tuple(float(value) for value in quantiles))


def is_number(index: pd.DataFrame, name: str) -> bool:
    """Whether a column is one of numbers that can be a condition."""
    return name in possible(index)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"

"""What a slice can be asked for: one protocol, from a column of the store to a column of the Samples.

column of the store → `encode` → tensor → the networks' embedding; value on the command line → `parse` → `require` →
`encode`; and `column` is what `sample` writes beside each slice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt
import pandas as pd
from torch import Tensor

Conditions: TypeAlias = Mapping[str, Tensor]
"""What networks are told of a batch: by the name of the condition, (B, …) each."""

NOTHING: Conditions = MappingProxyType({})
"""What an unconditional network is told."""


Column: TypeAlias = Sequence[Any] | npt.NDArray[Any]
"""Values of one condition, one a slice, as people give them."""


class Condition(Protocol):
    """One condition as measured on the training slices."""

    @property
    def name(self) -> str:
        """The column of the store's index, the key of a batch, the column of the Samples."""
        ...

    def encode(self, values: Column) -> Tensor:
        """Values as the networks are told them: (len(values), …)."""
        ...

    def parse(self, text: str) -> Any:
        """A value as written on the command line.

        Raises:
            UserError: it is none.
        """
        ...

    def require(self, values: Column) -> None:
        """Refuse what training has not seen.

        Raises:
            UserError: naming the value and what there is.
        """
        ...

    def draw(self, count: int, seed: int, place: int) -> Column:
        """Values as often as the training slices have them; `place` tells the conditions of a run apart."""
        ...

    def spread(self, count: int, seed: int, place: int) -> Column:
        """Values for a grid that shows what there is."""
        ...

    def column(self, values: Column) -> Any:
        """Values as a column of the Samples."""
        ...

    def record(self) -> dict[str, Any]:
        """What the run keeps of it: nothing of any one patient. With `kind`, a key of CONDITIONS."""
        ...


@dataclass(frozen=True)
class Kind:
    """One line of `CONDITIONS`.

    Args:
        takes: whether a column of a store's index is of this kind.
        measure: (index of the training slices, name of the column) → the condition. Raises a UserError that says why
            the column cannot be one.
        from_record: what `record` gave → the condition.
    """

    takes: Callable[[pd.DataFrame, str], bool]
    measure: Callable[[pd.DataFrame, str], Condition]
    from_record: Callable[[dict[str, Any]], Condition]

"""Which series are taken: `--only sequence=T1`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medattngan.core.files import UserError
from medattngan.core.text import shown
from medattngan.scans.find import Found
from medattngan.scans.modality import MODALITIES
from medattngan.scans.sequence import SEQUENCES
from medattngan.scans.series import Series

ALLOWED: dict[str, tuple[str, ...]] = {"sequence": (*SEQUENCES,), "modality": (*sorted(MODALITIES),)}
"""What is known of a series before its pixels are read, and its values."""


@dataclass(frozen=True)
class Only:
    """`wanted`: column → its values that are taken; a series is taken where it fits every column.

    >>> Only.parse(["sequence=t1", "sequence=FLAIR"]).asked
    ('sequence=FLAIR', 'sequence=T1')
    """

    wanted: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Only:
        """Read COLUMN=VALUE; several values of one column are alternatives, however they are cased.

        Raises:
            UserError: a column or value is not of `ALLOWED`.
        """
        wanted: dict[str, set[str]] = defaultdict(set)
        for text in [texts] if isinstance(texts, str) else texts:
            column, _, value = text.partition("=")
            values = {one.casefold(): one for one in ALLOWED.get(column, ())}
            if not values:
                raise UserError(f"--only {shown(text)} is none of {', '.join(f'{one}=VALUE' for one in ALLOWED)}.")
            if value.casefold() not in values:
                allowed = ", ".join(values.values())
                raise UserError(f"--only {shown(text)}: {column} must be one of {allowed}.")
            wanted[column].add(values[value.casefold()])
        return cls(tuple((column, tuple(sorted(some))) for column, some in sorted(wanted.items())))

    @property
    def asked(self) -> tuple[str, ...]:
        """As COLUMN=VALUE, in order."""
        return tuple(f"{column}={value}" for column, values in self.wanted for value in values)

    def takes(self, series: Series) -> bool:
        """Whether a series fits."""
        return all(getattr(series, column) in values for column, values in self.wanted)

    def of(self, series: Sequence[Series], found: Sequence[Found]) -> tuple[list[Series], list[Found]]:
        """The series that are taken, and what was found, where files of none of them are `not-asked`.

        Raises:
            UserError: there are series, and none is taken.
        """
        if not self.wanted:
            return list(series), list(found)
        taken = [one for one in series if self.takes(one)]
        if series and not taken:
            raise UserError(f"No series is of --only {' '.join(self.asked)}; there are {_there(series)}.")
        left = _files(series) - _files(taken)
        return taken, [_not_asked(one) if one.path in left else one for one in found]


def _files(series: Sequence[Series]) -> set[Path]:
    """Of their slices and masks."""
    masks = {one.mask.path for one in series if one.mask is not None}
    return masks | {piece.path for one in series for piece in one.pieces}


def _not_asked(file: Found) -> Found:
    return replace(file, pieces=(), reason="not-asked")


def _there(series: Sequence[Series]) -> str:
    """The kinds of series there are, the commonest first."""
    kinds = Counter(" ".join(filter(None, (one.modality, one.sequence))) for one in series)
    return ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])))

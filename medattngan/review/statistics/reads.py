"""The reads of a closed study as grids of readers × cases, checked on the way in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.core.files import UserError
from medattngan.review.protocol import PATIENT

Grid = npt.NDArray[np.float64]
"""(readers, cases) float64; NaN where that reader gave no answer for that case."""
Groups = npt.NDArray[np.int64]
"""(cases,) the cluster of each: those of one patient bear one number."""

COLUMNS = ("reader", "position", "case", "synthetic", "milliseconds")
PSEUDONYM = re.compile(r"reader-\d+")


@dataclass(frozen=True)
class Reads:
    """What the readers answered. The case in column i is synthetic where `synthetic[i]` is true.

    Attributes:
        readers: pseudonyms, R of them, in the order of the rows of every grid.
        cases: (n,) the numbers of the cases, ascending.
        synthetic: (n,) bool.
        groups: (n,) the same number for cases of one patient; every synthetic case is alone.
        scores: (R, n) the steps of the authenticity question; higher means more surely synthetic.
        position: (R, n) where in that reader's order the case stood, 1-based.
        seconds: (R, n) time spent on the case.
        ratings: (R, n) for every other question that is answered with numbers.
        middle: the step that means "cannot tell"; above it a slice is called synthetic, below it real.
        renamed: whether names that were no pseudonyms were replaced.
    """

    readers: tuple[str, ...]
    cases: npt.NDArray[np.int64]
    synthetic: npt.NDArray[np.bool_]
    groups: Groups
    scores: Grid
    position: Grid
    seconds: Grid
    ratings: dict[str, Grid]
    middle: float
    renamed: bool

    @property
    def calls(self) -> Grid:
        """(R, n): 1 called synthetic, 0 called real, ½ cannot tell."""
        return np.asarray((np.sign(self.scores - self.middle) + 1) / 2, np.float64)

    @property
    def right(self) -> Grid:
        """(R, n): 1 right, 0 wrong, ½ cannot tell: half right, as a coin would be."""
        return np.where(self.synthetic, self.calls, 1 - self.calls)


def arrange(
    table: pd.DataFrame, authenticity: str = "authenticity", ratings: Sequence[str] | None = None, middle: float = 3
) -> Reads:
    """Turn one row a read into grids.

    Args:
        table: columns `reader`, `position` (1-based), `case`, `synthetic` (bool), `milliseconds`, and one a question;
            maybe PATIENT (int), the same for cases of one patient. Where it is missing a case is alone.
        authenticity: the question that asks whether a slice is real (low) or synthetic (high).
        ratings: the other questions to compare; by default every column of numbers.
        middle: the step that means "cannot tell".

    Raises:
        UserError: a column is missing, there are no reads, a reader has two reads of a case, a case is both real and
            synthetic, or a question to be compared has an answer that is no number.
    """
    missing = [name for name in (*COLUMNS, authenticity, *(ratings or ())) if name not in table]
    if missing:
        raise UserError(f"the reads have no column {missing[0]!r}; they have {', '.join(map(str, table.columns))}.")
    if not len(table):
        raise UserError("the study has no reads yet; let a reader read first.")
    table = table.assign(synthetic=_truth(table["synthetic"]))
    _check_cases(table)
    names, renamed = _pseudonyms(table["reader"].astype(str))
    cases = np.unique(table["case"].to_numpy(np.int64))
    rows, columns = names.to_numpy(np.int64), np.searchsorted(cases, table["case"].to_numpy(np.int64))
    shape = (int(rows.max()) + 1, len(cases))

    def grid(name: str) -> Grid:
        filled = np.full(shape, np.nan)
        filled[rows, columns] = _numbers(table[name], name)
        return filled

    truth = np.zeros(len(cases), np.bool_)
    truth[columns] = table["synthetic"].to_numpy(np.bool_)
    scores = grid(authenticity)
    if not np.isfinite(scores).any():
        raise UserError(f"nobody answered {authenticity!r}; name the question that asks real or synthetic.")
    asked = _rated(table, authenticity) if ratings is None else ratings
    return Reads(
        readers=tuple(renamed), cases=cases, synthetic=truth, groups=_groups(table, cases), scores=scores,
        position=grid("position"), seconds=grid("milliseconds") / 1000,
        ratings={name: grid(name) for name in asked}, middle=middle,
        renamed=set(renamed) != set(table["reader"].astype(str)),
    )  # fmt: skip


def _groups(table: pd.DataFrame, cases: npt.NDArray[np.int64]) -> Groups:
    if PATIENT not in table:
        return np.arange(len(cases))
    numbers = table.groupby("case")[PATIENT].first().reindex(cases).astype("Int64")
    alone = numbers.isna().to_numpy()
    return np.where(alone, -1 - np.arange(len(cases)), numbers.fillna(0).to_numpy(np.int64))


def _truth(column: pd.Series[bool]) -> pd.Series[bool]:
    if column.isna().any() or not column.isin([True, False]).all():
        raise UserError("the column 'synthetic' of the reads must be true or false in every row.")
    return column.astype(bool)


def _check_cases(table: pd.DataFrame) -> None:
    twice = table.duplicated(["reader", "case"])
    if twice.any():
        row = table[twice].iloc[0]
        raise UserError(f"case {row['case']} has two reads by one reader; keep the newest only.")
    both = table.groupby("case")["synthetic"].nunique()
    if (both > 1).any():
        raise UserError(f"case {both.index[both > 1][0]} is real in one read and synthetic in another; mend the truth.")


def _pseudonyms(column: pd.Series[str]) -> tuple[pd.Series[int], list[str]]:
    """The row of each read, and the names of the rows: `reader-2` before `reader-10`; other names do not get out."""
    names = sorted(set(column), key=lambda name: (len(name), name))
    shown = names
    if not all(PSEUDONYM.fullmatch(name) for name in names):
        shown = [f"reader-{number}" for number in range(1, len(names) + 1)]
    return column.map({name: row for row, name in enumerate(names)}), shown


def _numbers(column: pd.Series[float], name: str) -> npt.NDArray[np.float64]:
    try:
        return pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise UserError(f"the question {name!r} has answers that are not numbers; leave it out.") from None


def _rated(table: pd.DataFrame, authenticity: str) -> list[str]:
    """The questions answered with numbers. Free text, which may hold anything, is never looked into."""
    asked = [name for name in table.columns if name not in (*COLUMNS, authenticity, "n", "truth", PATIENT)]
    return [name for name in asked if table[name].notna().any() and _is_numeric(table[name])]


def _is_numeric(column: pd.Series[float]) -> bool:
    if pd.api.types.is_bool_dtype(column):
        return False
    return all(isinstance(value, (int, float, np.number)) for value in column.dropna())

"""Which further columns of the user's table become columns of numbers in the store's index.

What identifies a patient must not get in by this door: a column whose name or whose values look like numbers of
patients, codes or dates stays out, and the user is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from medattngan.conditions.table import RESERVED
from medattngan.data.store import COLUMNS

MISSING = {"", "na", "n/a", "nan", "none", "null"}
"""What an empty cell may say."""
TAKEN_NAMES = {*COLUMNS, "age", "sex", "sequence", "text", "file"} | RESERVED
"""Names that have a meaning in the index or in the table of a samples folder."""
IDENTIFYING = re.compile(
    r"(^|_)(id|mrn|dob|ssn|nhs|bsn|zip|plz|uid|tel)(_|$)|(^|_)(nr|no|num|number|code)$|(case|scan|exam|study|record)id$"
    r"|date|birth|phone|postal|postcode|accession|hospital|patient|subject|participant"
)
"""In a column's name: what follows is a number that stands for somebody or something, or a date."""
LONG_NUMBER = 100_000
"""Whole numbers from here on may be those of a patient, or a date such as 20260131."""
MANY_OWNERS = 20
DISTINCT_SHARE = 0.9
"""Whole numbers that nearly every one of so many owners has for himself are taken for a numbering of them."""

Cells = Mapping[str, str | None]


@dataclass(frozen=True)
class NumberColumns:
    """The outcome.

    Args:
        headers: name in the index → name in the table.
        ignored: columns of the table that are not used, by their place from 1 on, and why.
    """

    headers: Mapping[str, str]
    ignored: tuple[tuple[int, str], ...]


def choose(
    header: Sequence[str],
    table: Sequence[Cells],
    used: Collection[str | None],
    owners: Sequence[str | None],
    patients: Sequence[str | None],
) -> NumberColumns:
    """Look at every column that is not `used`.

    Args:
        owners: the file or patient that each row is of.
        patients: the patient, where the table says so.

    >>> choose(["patient", "BMI", "scanner"], [{"BMI": "21.5", "scanner": "X"}], {"patient"}, ["a"], ["a"])
    NumberColumns(headers={'bmi': 'BMI'}, ignored=((3, 'it does not hold numbers alone'),))
    """
    headers: dict[str, str] = {}
    ignored = []
    for number, column in enumerate(header, start=1):
        if column in used:
            continue
        name = index_name(column)
        reason = "its name is used already" if name in TAKEN_NAMES or name in headers or not name else None
        reason = reason or _objection(name, [row.get(column) for row in table], owners, patients)
        if reason is None:
            headers[name] = column
        else:
            ignored.append((number, reason))
    return NumberColumns(headers, tuple(ignored))


def index_name(column: str) -> str:
    """A column's name in the index.

    >>> index_name(" Weight (kg)")
    'weight_kg'
    """
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def number(cell: str | None) -> float | None:
    """A cell's number, None where it is empty.

    Raises:
        ValueError: it holds something else.
    """
    text = (cell or "").strip()
    if text.lower() in MISSING:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _objection(
    name: str, cells: Sequence[str | None], owners: Sequence[str | None], patients: Sequence[str | None]
) -> str | None:
    """Why a column is not taken, None where nothing speaks against it."""
    try:
        values = [number(cell) for cell in cells]
    except ValueError:
        return "it does not hold numbers alone"
    if all(value is None for value in values):
        return "it is empty"
    if len(set(zip(owners, values, strict=True))) > len(set(owners)):
        return "it says two things of one patient or file"
    # Each patient's numbers once; where the table names no patients, each file's.
    whose = [patient or owner for patient, owner in zip(patients, owners, strict=True)]
    if IDENTIFYING.search(name) or _numbering([v for _, v in set(zip(whose, values, strict=True)) if v is not None]):
        return "it looks like numbers, codes or dates that identify; if it does not, rename it or give decimals"
    return None


def _numbering(values: Sequence[float]) -> bool:
    """Whether these look like numbers of patients or dates."""
    if not all(value.is_integer() for value in values):
        return False
    many_and_distinct = len(values) >= MANY_OWNERS and len(set(values)) >= DISTINCT_SHARE * len(values)
    return many_and_distinct or max(map(abs, values)) >= LONG_NUMBER

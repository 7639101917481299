"""The user's table of labels: who each file is of, and what it shows."""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from medattngan.core.files import UserError
from medattngan.scans.patients.names import same, stem
from medattngan.scans.table import categories
from medattngan.scans.table.numbers import MISSING, choose, number

PATIENT_COLUMNS = ("patient", "subject", "participant_id", "patient_id", "id")
BEYOND = "\0"
"""Stands for the cells of a row that have no column."""
USED_COLUMNS = ("file", "label", "age", "sex")


@dataclass(frozen=True)
class Row:
    """One row of the table; None where a cell is empty or there is no such column."""

    patient: str | None
    label: str | None
    age: float | None
    sex: str | None
    numbers: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Labels:
    """The table, by file and by patient.

    Args:
        numbers: names of the further columns that are used (see `medattngan.scans.table.numbers`).
        ignored: places, from 1 on, of the columns that are not used, and why.
    """

    by_file: Mapping[str, Row]
    by_patient: Mapping[str, Row]
    numbers: tuple[str, ...] = ()
    ignored: tuple[tuple[int, str], ...] = ()

    def find(self, relative: str, *names: str, by_stem: bool = True) -> Row | None:
        """The row of a file: by its path, by the end of its path, by its name, then by what its patient is called.

        Args:
            names: what its patient is called.
            by_stem: whether the file's name without its suffix may name its patient, too; that of a slice does not.
        """
        if (file := self.listed(relative)) is not None:
            return self.by_file[file]
        spoken = [name for name in names if name and not name.startswith("\0")]
        called = [*spoken, *(name.split("\0")[0] for name in spoken), *(PurePosixPath(name).name for name in spoken)]
        called += [stem(PurePosixPath(relative).name)] * by_stem
        for name in called:
            if row := self.by_patient.get(name):
                return row
        return next((row for name in called if (row := self._alike.get(same(name)))), None)

    def listed(self, relative: str) -> str | None:
        """What the table calls a file: its path, the end of its path, or its name; None where it has no row for it."""
        parts = PurePosixPath(relative).parts
        return next((end for i in range(len(parts)) if (end := "/".join(parts[i:])) in self.by_file), None)

    @cached_property
    def _alike(self) -> dict[str, Row]:
        """Rows by how their patient is compared (see `names.same`), where that tells them apart."""
        count = Counter(map(same, self.by_patient))
        return {same(name): row for name, row in self.by_patient.items() if count[same(name)] == 1}


def read_labels(path: Path) -> Labels:
    """Read a CSV with a header: a `file` column, a patient column (see PATIENT_COLUMNS), or both.

    Of the other columns `label`, `age` and `sex` are used, and those of numbers alone
    (see `medattngan.scans.table.numbers`).

    Raises:
        UserError: it cannot be read, has neither column, says two things of one file, an age is no number, a sex is
            none of M, F and O, or a label is no short line of text.
    """
    header, table = read_cells(path)
    names = {str(name).strip().lower(): name for name in header}
    patient_column = next((names[name] for name in PATIENT_COLUMNS if name in names), None)
    if patient_column is None and "file" not in names:
        raise UserError(f"{path} needs a column `file` or a column `patient` (or {', '.join(PATIENT_COLUMNS[1:])}).")
    called = [str(name).strip().lower() for name in header]
    if twice := next((name for name in (*USED_COLUMNS, *PATIENT_COLUMNS) if called.count(name) > 1), None):
        raise UserError(f"{path} has two columns `{twice}`; keep one.")
    used = {patient_column, *(names[name] for name in USED_COLUMNS if name in names)}
    owners = [_cell(cells, names.get("file")) or _cell(cells, patient_column) for cells in table]
    further = choose(header, table, used, owners, [_cell(cells, patient_column) for cells in table])
    by_file: dict[str, Row] = {}
    by_patient: dict[str, Row] = {}
    for line, cells in enumerate(table, start=2):
        row = _row(path, line, cells, names, patient_column, further.headers)
        file = _cell(cells, names.get("file"))
        if file is not None:
            _add(by_file, file.replace("\\", "/").removeprefix("./"), row, path, line)
        elif row.patient is not None:
            _add(by_patient, row.patient, row, path, line)
    return Labels(by_file, by_patient, tuple(further.headers), further.ignored)


def read_cells(path: Path, option: str = "--labels") -> tuple[list[str], list[dict[str, str | None]]]:
    """The header and the rows of a CSV in UTF-8, or in UTF-16 that says so by its byte order mark.

    A header without a comma may have tabs, as BIDS' participants.tsv, or semicolons, as Excel writes in half of Europe.

    Raises:
        UserError: it is none, or a row has more cells than the header; `option` gave it.
    """
    try:
        data = path.read_bytes()
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = data.decode("utf-16" if wide else "utf-8-sig")
        first = text.partition("\n")[0]
        apart = next((one for one in ",\t;" if one in first), ",")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=apart, restkey=BEYOND)
        header, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV in UTF-8 ({type(error).__name__}); check {option}.") from None
    for line, cells in enumerate(rows, start=2):
        if any(cell.strip() for cell in cells.get(BEYOND) or []):
            raise UserError(
                f"{path}, line {line} has more cells than the header; put text that holds a comma in quotes."
            )
    return header, rows


def _cell(cells: Mapping[str, str | None], column: str | None) -> str | None:
    value = (cells.get(column) or "").strip() if column is not None else ""
    return None if value.lower() in MISSING else value


def _row(
    path: Path,
    line: int,
    cells: Mapping[str, str | None],
    names: Mapping[str, str],
    patient_column: str | None,
    further: Mapping[str, str],
) -> Row:
    age = _cell(cells, names.get("age"))
    try:
        years = None if age is None else float(age)
    except ValueError:
        years = math.inf
    if years is not None and not math.isfinite(years):
        raise UserError(f"{path}, line {line}: the age is not a number; give years or leave the cell empty.")
    label, sex = _cell(cells, names.get("label")), _cell(cells, names.get("sex"))
    try:
        label, sex = label and categories.label(label), sex and categories.sex(sex)
    except ValueError as error:
        raise UserError(f"{path}, line {line}: {error}; mend it or leave the cell empty.") from None
    numbers = {name: number(cells.get(column)) for name, column in further.items()}
    known = tuple((name, value) for name, value in numbers.items() if value is not None)
    return Row(_cell(cells, patient_column), label, years, sex, known)


def _add(rows: dict[str, Row], key: str, row: Row, path: Path, line: int) -> None:
    if rows.setdefault(key, row) != row:
        raise UserError(f"{path}, line {line} contradicts an earlier line on the same file or patient; keep one.")

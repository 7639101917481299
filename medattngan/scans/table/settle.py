"""The user's table against what headers and names say: who each series is of, and what it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from medattngan.core.files import UserError
from medattngan.core.text import shown
from medattngan.scans.patients.names import same, stem
from medattngan.scans.patients.owner import Owner
from medattngan.scans.patients.sets import Joined
from medattngan.scans.series import Series
from medattngan.scans.table.rows import Labels, Row


def settle(series: Sequence[Series], owners: Mapping[tuple[str, str], Owner], labels: Labels) -> list[Series]:
    """Give each series its row. A patient in the table counts for more than header or name.

    Where the table names patients for some files of one patient (by header or name) and not for others, those others
    may be of any of them, and all are one patient. A table without patients changes no patient.

    Raises:
        UserError: a row may be of files of several patients.

    Args:
        owners: by path and patient of a piece, as `patients.whose.owners` returns them.
    """
    _check_rows_are_of_one(series, owners, labels)
    counted = _counted(series)
    rows = [_rows(one, owners, labels, counted) for one in series]
    keys = [_key(one, owners) for one in series]
    given = [sorted({row.patient for row in found if row is not None and row.patient is not None}) for found in rows]
    unlisted = {key for key, patients in zip(keys, given, strict=True) if not patients}
    sets, words = Joined(), defaultdict(set)
    members = [
        {same(patient): patient for patient in patients} | ({key: one.patient} if key in unlisted else {})
        for one, key, patients in zip(series, keys, given, strict=True)
    ]
    for some in members:
        for member in some:
            sets.join(next(iter(some)), member)
    for some in members:
        for member, patient in some.items():
            words[sets.of(member)].add(patient)
    return [
        _with(one, found[0], min(words[sets.of(next(iter(some)))]), bool(patients))
        for one, found, some, patients in zip(series, rows, members, given, strict=True)
    ]


def _with(series: Series, row: Row | None, patient: str, by_table: bool) -> Series:
    series = replace(series, patient=patient, whose="table" if by_table else series.whose)
    if row is None:
        return series
    return replace(series, label=row.label, age=row.age, sex=row.sex, numbers=row.numbers, listed=True)


def _key(series: Series, owners: Mapping[tuple[str, str], Owner]) -> str:
    first = series.pieces[0]
    return owners[first.relative, first.patient].key


def _rows(
    series: Series, owners: Mapping[tuple[str, str], Owner], labels: Labels, counted: Collection[str]
) -> list[Row | None]:
    """The rows of the files of a series, that of its first piece first."""
    pieces = series.pieces if labels.by_file else series.pieces[:1]
    files = dict.fromkeys((piece.relative, piece.patient) for piece in pieces)
    return [
        labels.find(place[0], place[1], owners[place].said, owners[place].key, by_stem=place[0] not in counted)
        for place in files
    ]


def _check_rows_are_of_one(series: Sequence[Series], owners: Mapping[tuple[str, str], Owner], labels: Labels) -> None:
    """Refuse a row whose file could be that of several patients, as T1.nii where each has one.

    Raises:
        UserError: there is such a row.
    """
    whose: dict[str, str] = {}
    for one in series if labels.by_file else []:
        for piece in one.pieces:
            file, key = labels.listed(piece.relative), owners[piece.relative, piece.patient].key
            if file is not None and whose.setdefault(file, key) != key:
                raise UserError(
                    f"--labels: {shown(file)} may be a file of several patients; write the path below its source."
                )


def _counted(series: Sequence[Series]) -> set[str]:
    """Files whose names count within a folder and name nobody: 001.dcm of a stack, 1.png in every patient's folder."""
    folders: dict[str, set[str]] = defaultdict(set)
    known: set[str] = set()
    counted: set[str] = set()
    for one in series:
        files = dict.fromkeys(piece.relative for piece in one.pieces)
        for relative in files:
            folder, _, name = relative.rpartition("/")
            folders[same(stem(name))].add(folder)
        if one.layout == "frames" and len(files) > 1:
            counted |= files.keys()
        elif one.whose != "file name":
            known |= files.keys()
    return counted | {file for file in known if len(folders[same(stem(file.rpartition("/")[2]))]) > 1}

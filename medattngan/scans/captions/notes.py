"""The user's table of captions: a CSV with `file` or `patient`, and `text`; several rows of one file or patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from medattngan.conditions.words import words
from medattngan.core.files import UserError
from medattngan.scans.captions.identifying import Screen
from medattngan.scans.table.rows import PATIENT_COLUMNS, Labels, Row, read_cells


def read_captions(path: Path, keep: Collection[str] = ()) -> tuple[Labels, Counter[str]]:
    """The captions by file and by patient, as rows whose `label` is one caption a line, and what was left out by kind.

    What could identify does not leave this function (see `identifying`), but for the words of `keep`.

    Raises:
        UserError: it cannot be read, has neither a file nor a patient column, no `text`, or no caption of any word.
    """
    header, table = read_cells(path, "--captions")
    names = {str(name).strip().lower(): name for name in header}
    patient = next((names[name] for name in PATIENT_COLUMNS if name in names), None)
    if "text" not in names or (patient is None and "file" not in names):
        raise UserError(f"{path} needs a column `text`, and a column `file` or `patient`; check --captions.")
    said = [(cells, (cells.get(names["text"]) or "").strip()) for cells in table]
    screen = Screen.of((text for _, text in said), keep)
    by_file: dict[str, list[str]] = {}
    by_patient: dict[str, list[str]] = {}
    left: Counter[str] = Counter()
    for cells, text in said:
        screened, out = screen.screened(text)
        left += out
        file = (cells.get(names.get("file", "")) or "").strip().replace("\\", "/").removeprefix("./")
        owner = file or (cells.get(patient or "") or "").strip()
        line = " ".join(words(screened))
        if owner and line:
            (by_file if file else by_patient).setdefault(owner, []).append(line)
    if not (by_file or by_patient):
        raise UserError(f"{path} has no caption of any word for any file or patient; check its column `text`.")
    return Labels(_rows(by_file), _rows(by_patient)), left


def _rows(captions: dict[str, list[str]]) -> dict[str, Row]:
    return {owner: Row(None, "\n".join(dict.fromkeys(lines)), None, None) for owner, lines in captions.items()}

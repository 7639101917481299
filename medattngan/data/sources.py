"""What is of patients says so, and whoever would call it synthetic is refused.

A slice that was encoded and drawn again shows the patient it was encoded from, whatever was edited on the way. Such
slices lie in a samples folder whose record says `"synthetic": false` and whose table names, in the column `sources`,
the pseudonyms of the patients behind each of them. Latents are of patients in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medattngan.core.files import UserError, read_json

SOURCES = "sources"
"""The column of a table that names whose slices something was made from: pseudonyms, separated by spaces."""
OF_PATIENTS = {"synthetic": False, "of_patients": True}
"""What a record says of slices or latents that were made from those of patients."""
LATENTS = "latents.npy"


def is_of_patients(record: Mapping[str, Any]) -> bool:
    """Whether a record says that what lies beside it was made from patients' slices.

    >>> is_of_patients({"synthetic": True}), is_of_patients(OF_PATIENTS)
    (False, True)
    """
    return bool(record.get("of_patients", False)) or record.get("synthetic", True) is False


def require_synthetic(record: Mapping[str, Any], name: str, done: str) -> None:
    """Refuse what was made from patients' slices.

    Args:
        record: its provenance.
        name: what it is called, a path as a rule.
        done: what is refused, as `exported`.

    Raises:
        UserError: it is of patients.
    """
    if is_of_patients(record):
        raise UserError(
            f"{name} was made from slices of patients and is not synthetic, so it cannot be {done} as such; "
            "draw slices with: medattngan sample RUN --count N --out SAMPLES"
        )


def require_no_latents(path: Path) -> None:
    """Refuse latents, and the files beside them, where slices are wanted.

    Raises:
        UserError: `path` is, or lies in, a folder that `encode` wrote.
    """
    for folder in (path, path.parent):
        if (folder / LATENTS).is_file() and (folder / "provenance.json").is_file():
            raise UserError(
                f"{path} holds latents of patients, not slices; draw from them with: medattngan reconstruct RUN "
                f"{folder} --out SLICES"
            )


def require_none_of_patients(folder: Path, done: str) -> None:
    """Refuse a folder in which something, at any depth, says that it was made from patients' slices.

    Args:
        folder: what was given.
        done: what is refused, as `pushed`.

    Raises:
        UserError: naming the folder that says so.
    """
    for path in sorted(folder.rglob("provenance.json")):
        record = read_json(path)
        if isinstance(record, dict):
            require_synthetic(record, str(path.parent), done)


def named(patients: Sequence[str]) -> str:
    """The patients behind one slice as the column `sources` has them, each once.

    >>> named(["b", "a", "b"])
    'b a'
    """
    return " ".join(dict.fromkeys(patients))

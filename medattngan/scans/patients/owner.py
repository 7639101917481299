"""Who a file is of, and how that was found out."""

from __future__ import annotations

from dataclasses import dataclass

CONVENTION = "convention: "
"""Begins the rule of a file whose path names its patient as a known data set does."""

RULES: dict[str, str] = {
    "header": "by Patient ID",
    "study": "by the study of an object that has a Patient ID",
    "nobody": "header names nobody: one patient for all",
    "folder": "by folder",
    "file name": "by file name",
    "one source": "nothing names a patient: one for all of the source",
    "table": "by the table",
}
"""How a patient was found out, beside the conventions. Provenance counts by these words."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A patient, as one file tells of it.

    Args:
        key: equal for files of one patient (see `names.same`).
        said: the source's own words, from which the pseudonym is made.
        rule: a key of RULES, or CONVENTION and the convention's name.
    """

    key: str
    said: str
    rule: str

"""Synthetic slices that show letters: a viewer's reader would take them for a marker or a name burned in."""

from __future__ import annotations

from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.scans.text.letters import rows_with_letters


def heed_letters(codes: Codes, rows: list[int], letters: str) -> list[int]:
    """The `rows` to export, by `letters`, one of LETTERS of `options`.

    Raises:
        UserError: slices show letters, and they are to be refused or nothing else is left.
    """
    if letters == "keep":
        return rows
    found = set(rows_with_letters(codes, rows))
    if found and letters == "refuse":
        raise UserError(
            f"{len(found)} of {len(rows)} slices show what looks like letters, as networks draw that learnt from "
            "marked scans; look at them, then give --letters leave-out or --letters keep, or train on scans "
            "ingested with --screen mask."
        )
    left = [row for row in rows if row not in found]
    if not left:
        raise UserError(f"all {len(rows)} slices show what looks like letters; look at them, then give --letters keep.")
    return left

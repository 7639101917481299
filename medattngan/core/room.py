"""Room on the disk, asked for before the work and not found missing after it."""

from __future__ import annotations

import shutil
from pathlib import Path

from medattngan.core.files import UserError

SAID_FROM = 100_000_000
"""Bytes from which it is worth saying what something takes."""


def require_room(path: Path, needed: int, what: str, cure: str) -> str:
    """Refuse what cannot fit on the disk where `path` will lie.

    Args:
        path: what is to be written; it need not exist.
        needed: bytes.
        what: takes them, as the subject of a sentence in the plural.
        cure: how to need fewer.

    Returns:
        What it takes and what is free, in a sentence; empty where it is too little to be worth saying.

    Raises:
        UserError: there is less room than that.
    """
    there = next(folder for folder in [path, *path.absolute().parents] if folder.is_dir())
    free = shutil.disk_usage(there).free
    said = f"{what} take about {in_words(needed)} and {in_words(free)} are free in {there}"
    if needed > free:
        raise UserError(f"{said}; {cure}, or give an --out with more room.")
    return said if needed >= SAID_FROM else ""


def in_words(count: int) -> str:
    """Bytes as a person reads them.

    >>> in_words(900), in_words(16_000_000_000_000), in_words(8_400_000)
    ('900 B', '16 TB', '8.4 MB')
    """
    if count < 1000:
        return f"{count} B"
    value, units = float(count), iter(("kB", "MB", "GB", "TB", "PB", "EB"))
    unit = ""
    while value >= 1000 and (bigger := next(units, "")):
        value, unit = value / 1000, bigger
    return f"{value:.3g} {unit}"

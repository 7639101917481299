"""The chain of a TIFF's pages: each names the place of the next (TIFF 6.0, section 2), so it may run in a circle."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


class EndlessError(ValueError):
    """A page that comes before itself."""


def check_chain(path: Path) -> None:
    """Follow the pages of a TIFF or BigTIFF to the last.

    Raises:
        EndlessError: there is none.
    """
    end = path.stat().st_size  # what is read there is nothing, and ends the chain
    with path.open("rb") as file:
        head = file.read(16)
        order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        big = head[2:4] in (b"+\0", b"\0+")
        count, entry, link = (8, 20, 8) if big else (2, 12, 4)
        place = int.from_bytes(head[8:16] if big else head[4:8], order)
        seen: set[int] = set()
        while place:
            if place in seen:
                raise EndlessError("pages in a circle")
            seen.add(place)
            file.seek(min(place, end))
            entries = int.from_bytes(file.read(count), order)
            file.seek(min(place + count + entry * entries, end))
            place = int.from_bytes(file.read(link), order)

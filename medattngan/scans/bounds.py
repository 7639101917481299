"""How long one file may take and how much memory it may need, and how a reader says which file it is at.

Nobody can stop C code from within. So the process that reads says what it is about to read, and what that may cost;
the process that watches it (`stages/ingest/watch.py`) ends it when it costs more, and knows whose fault it was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medattngan.core.files import UserError

LEAST_MEMORY = 64 * 10**6
"""Below this the libraries that read have no room."""

STEPS_NEED = 32
"""The pipelines hold a volume, and what it becomes, so many times at most: a grid for resampling alone is six."""

SLICES_A_TURN = 16
"""The steps after loading may take the time of one file for so many slices."""


@dataclass(frozen=True)
class Bounds:
    """Of one file: seconds of reading, and bytes of memory beyond what the process had before."""

    seconds: float = 60.0
    memory: int = 4 * 10**9

    @classmethod
    def parse(cls, seconds: float, memory: str) -> Bounds:
        """`--file-seconds` and `--file-memory`.

        Raises:
            UserError: the time is not positive, or the memory is no size or a useless one.

        >>> Bounds.parse(30, "1.5 GB")
        Bounds(seconds=30.0, memory=1500000000)
        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise UserError(f"--file-seconds {seconds} is not a positive number of seconds.")
        written = re.fullmatch(
            r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([KMGT]?)(i?)B?", memory.strip(), re.IGNORECASE | re.ASCII
        )
        size = 0
        if written is not None:
            size = int(float(written[1]) * (1024 if written[3] else 1000) ** " KMGT".index(written[2].upper() or " "))
        if size < LEAST_MEMORY:
            raise UserError(f"--file-memory {memory!r} is not a size of 64MB or more; write it as 4GB.")
        return cls(float(seconds), size)


Told = Callable[[Path | None, float, int], None]
"""(the file, or None for all of a series; seconds; bytes) from now on."""


class _Watched:
    """What this process was told of its bounds; in one that nobody watches, nothing."""

    bounds = Bounds()
    tell: Told | None = None


def listen(bounds: Bounds, tell: Told | None) -> None:
    """Have `tell` called with all that `reading` and `working` say in this process."""
    _Watched.bounds, _Watched.tell = bounds, tell


def reading(file: Path) -> None:
    """Say that this file, or the next frame of it, is read from here on: its time and its memory count anew."""
    if _Watched.tell is not None:
        _Watched.tell(file, _Watched.bounds.seconds, _Watched.bounds.memory)


def working(slices: int, volume_bytes: int) -> None:
    """Say that a series is loaded and its slices are made: the bounds grow with what was loaded."""
    if _Watched.tell is not None:
        seconds = _Watched.bounds.seconds * (1 + slices / SLICES_A_TURN)
        _Watched.tell(None, seconds, _Watched.bounds.memory + STEPS_NEED * volume_bytes)


def most_memory() -> int:
    """Bytes that one file may need."""
    return _Watched.bounds.memory

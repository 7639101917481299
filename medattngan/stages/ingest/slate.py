"""What a worker is at, in memory that its watcher can read at any time: no message a file, and known after death."""

from __future__ import annotations

import math
import mmap
import os
import struct
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

LAYOUT = struct.Struct("<qqqddH")
PATH_BYTES = 4096
"""The longest path of Linux and macOS; of a longer one, what fits."""

NONE = -1


@dataclass(frozen=True)
class At:
    """An item and a series of it (NONE: no file is read now), a file, and what that may cost.

    `beat` grows with everything that is said. `memory` is resident bytes in all.
    """

    beat: int
    item: int
    series: int
    seconds: float
    memory: float
    file: Path | None


class Slate:
    """Written by one process, read by another."""

    def __init__(self, context: BaseContext) -> None:
        size = LAYOUT.size + PATH_BYTES
        # A forked process shares memory that is no file's; else multiprocessing takes a file, which a full disk lacks.
        forked = context.get_start_method() == "fork"
        self._shared: Any = mmap.mmap(-1, size) if forked else context.RawArray("c", size)
        self._beat = 0
        self.write(NONE, NONE, math.inf, math.inf, None)

    def write(self, item: int, series: int, seconds: float, memory: float, file: Path | None) -> None:
        """Say what is done from now on."""
        self._beat += 1
        path = b"" if file is None else os.fsencode(file)[:PATH_BYTES]
        record = LAYOUT.pack(self._beat, item, series, seconds, memory, len(path)) + path
        memoryview(self._shared).cast("B")[: len(record)] = record

    def read(self) -> At:
        """What was said last."""
        beat, item, series, seconds, memory, size = LAYOUT.unpack_from(self._shared)
        path = bytes(memoryview(self._shared).cast("B")[LAYOUT.size : LAYOUT.size + size])
        return At(beat, item, series, seconds, memory, Path(os.fsdecode(path)) if path else None)

"""How much memory a piece of work takes at its peak, as the system counts it: maps of files included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _kilobytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


def peak_bytes(work: Callable[[], object]) -> int:
    """By how much the memory in use rises above what it was before `work`, at most."""
    try:
        RESET.write_text("5")  # the peak starts anew
    except OSError:
        pytest.skip("this system does not tell the peak of a piece of work")
    before = _kilobytes("VmRSS")
    work()
    return 1024 * (_kilobytes("VmHWM") - before)

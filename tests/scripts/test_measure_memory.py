"""The memory of a process is that of itself and of no other."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "measure_memory.py"))


def test_the_peak_of_each_process_is_its_own() -> None:
    peak_of = SCRIPT["peak_of"]
    large, _ = peak_of([sys.executable, "-S", "-c", "x = bytearray(b'x') * (200 << 20)"])
    small, _ = peak_of([sys.executable, "-S", "-c", "pass"])
    assert large > 200 > small + 100


def test_a_verb_that_fails_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="ended with 3"):
        SCRIPT["peak_of"]([sys.executable, "-c", "raise SystemExit(3)"])

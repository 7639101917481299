"""The table of ways of drawing stacks: differences of equal seeds, and a row of real volumes."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    return importlib.import_module("compare_stacks")


def cell(way: str, seed: int, gap: float, distance: float) -> dict[str, Any]:
    """As `evaluate_volumes` tells it, numbers of volumes among the scores."""
    likeness = {"real": {"value": 0.7}, "other": {"value": 0.71}, "fake": {"value": 0.7 + gap}, "gap": gap}
    scores = {
        "volumes": 12,
        "likeness": {"4 mm": likeness, "two patients at one place": {"real": {"value": 0.4}}},
        "fd_coronal[x]": {"value": distance, "floor": 22.0},
        "power_gap": {"value": 0.7, "floor": 0.02},
    }
    return {"way": way, "seed": seed, "kimg": 5.0, "scores": scores}


def test_a_gap_counts_by_its_size_and_a_distance_by_its_value(script: Any) -> None:
    cells = [cell("attention", 0, -0.1, 90.0), cell("none", 0, 0.15, 100.0)]
    cells += [cell("attention", 1, 0.05, 80.0), cell("none", 1, 0.1, 100.0), cell("none", 2, 0.1, 100.0)]
    told = script.paired(cells)
    assert told["SSIM at 4 mm"]["mean"] == pytest.approx(-0.05)
    assert told["SSIM at 4 mm"]["pairs"] == 2
    assert told["fd_coronal[x]"]["mean"] == pytest.approx(-15.0)
    low, high = told["fd_coronal[x]"]["ci95"]
    assert (low + high) / 2 == pytest.approx(-15.0)
    assert high - low == pytest.approx(2 * 12.706 * 5.0, rel=1e-3)  # Student's t of one degree of freedom


def test_the_table_ends_with_what_real_volumes_reach(script: Any) -> None:
    told = io.StringIO()
    Console(file=told, width=200).print(script._table([cell("none", 0, 0.1, 100.0)]))
    last = next(line for line in told.getvalue().splitlines() if "real" in line)
    assert all(value in last for value in ("22", "0.01", "0.02"))

"""Paired differences of a table of trainings, against SciPy's paired test."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    return importlib.import_module("paired")


def cell(row: str, seed: int, value: float) -> dict[str, Any]:
    return {"row": row, "seed": seed, "scores": {"fd": {"value": value}}}


def test_the_interval_is_that_of_the_paired_t_test(script: Any) -> None:
    first, own = np.random.default_rng(0).normal(30, 5, (2, 5))
    cells = [cell("a", seed, value) for seed, value in enumerate(first)]
    cells += [cell("b", seed, value) for seed, value in enumerate(own)]
    [line] = script.differences(cells)
    expected = stats.ttest_rel(own, first).confidence_interval(0.95)
    assert line["ci95"] == pytest.approx([expected.low, expected.high])
    assert line["mean"] == pytest.approx((own - first).mean())


def test_only_seeds_that_both_rows_have_are_compared(script: Any) -> None:
    cells = [cell("a", 0, 10.0), cell("a", 1, 99.0), cell("b", 0, 12.0), cell("b", 2, 0.0)]
    [line] = script.differences(cells)
    assert (line["seeds"], line["mean"]) == ([0], 2.0)
    assert "ci95" not in line  # one pair has no spread

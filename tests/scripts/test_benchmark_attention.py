"""The benchmark of attention: both sides of every ratio compute the same, in either precision."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"
PAIRS = ["scaled_dot 4096", "scaled_dot 4096 pooled", "additive 1024"]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 2e-2)])
@pytest.mark.parametrize("pair", PAIRS)
def test_ours_and_the_textbook_agree(pair: str, dtype: str, tolerance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.delitem(sys.modules, "benchmark_attention", raising=False)
    import benchmark_attention as script

    read = []
    for side in ("textbook", "ours"):
        case = replace(script.CASES[f"{pair}, {side}"], queries=24, keys=12)
        inputs = case.inputs("cpu", getattr(torch, dtype))
        assert script.once(case, inputs) > 0
        read.append(case.run(*inputs).float())
    torch.testing.assert_close(read[1], read[0], atol=tolerance, rtol=tolerance)

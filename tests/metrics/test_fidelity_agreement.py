"""The same values as torch-fidelity's from the same features, by the script that times both."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark_fidelity.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The script's functions. What stands in for torchvision is gone again afterwards."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    before = set(sys.modules)
    yield runpy.run_path(str(SCRIPT))
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("torchvision", "torch_fidelity"):
            del sys.modules[name]


@pytest.mark.skipif(importlib.util.find_spec("torch_fidelity") is None, reason="the extra inception is not installed")
def test_fid_kid_precision_and_recall_are_torch_fidelitys(script: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(150, 24, generator=generator), 1.1 * torch.randn(140, 24, generator=generator) + 0.2
    theirs, ours = script["theirs"](real, fake), script["ours"](real, fake)
    assert set(ours) == set(theirs) == {"fid", "kid", "kid std", "precision", "recall"}
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], rel=1e-4, abs=1e-6), name
    assert 0.1 < ours["recall"] < 1

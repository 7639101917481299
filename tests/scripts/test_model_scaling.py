"""The arithmetic of how many GPUs pay, in closed form, and the page that quotes it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from medattngan.core.config import Config
from medattngan.models import build

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/explanation/scaling.md"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    return importlib.import_module("model_scaling")


def test_a_ring_moves_no_more_than_twice_the_bytes_however_many_stand_in_it(script: Any) -> None:
    slow = script.Link("slow", 1.0, 0.0)
    assert script.ring_seconds(100, 4, slow) == pytest.approx(2 * 3 / 4 * 100)
    assert all(script.ring_seconds(100, n, slow) < 200 for n in (2, 64, 4096))


def test_where_talk_is_free_all_pay_that_kernels_can_be_shared_by(script: Any) -> None:
    free = script.Link("free", float("inf"), 0.0)
    assert script.devices_that_pay(1.0, 0.0, 10**9, 64, free) == 16  # groups of four
    assert script.devices_that_pay(1.0, 0.25, 10**9, 64, free) == 4  # 8 would be 4 times as fast
    assert script.devices_that_pay(1.0, 1.0, 0, 64, free) == 1  # two would be as fast as one


def test_a_round_on_one_device_talks_to_nobody(script: Any) -> None:
    assert script.round_seconds(1.0, 0.5, 10**12, 1, script.LINKS[-1]) == 1.0


def test_gradients_are_those_of_every_network_that_is_trained(script: Any) -> None:
    config = Config.load(script.CONFIG)
    networks = build(config).networks
    assert script.gradient_bytes(config) == 4 * sum(p.numel() for net in networks.values() for p in net.parameters())


@pytest.mark.slow
def test_the_page_has_what_the_script_finds(script: Any) -> None:
    small, large = script.workload(64), script.workload(script.MEASURED_LARGE[0])
    text = PAGE.read_text(encoding="utf-8")
    assert f"does {script.SPEED / 1e12:.1f} TFLOP/s" in text
    for one in (small, large):
        assert f"| {one.size} | {one.operations / 1e9:.2f} | {one.gradients / 1e6:.1f} |" in text
    for graphs in (False, True):
        for line in script.table([small, large], [8, 64, 256], script.SPEED, graphs):
            assert line in text

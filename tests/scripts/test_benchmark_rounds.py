"""The benchmark of a round's parts: variants that differ in what they say and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from medattngan.attention.scaled_dot import ScaledDotAttention2d
from medattngan.data.store import SliceStore
from medattngan.stages.train.players import Players

pytestmark = pytest.mark.slow

TOY = ["train.accelerator=cpu", "model.generator_width=4", "model.discriminator_width=4", "attention.resolutions=[8]"]


def pools(game: Players) -> list[bool]:
    networks = (game.state.networks["generator"], game.state.networks["discriminator"])
    return [m.pool for network in networks for m in network.modules() if isinstance(m, ScaledDotAttention2d)]


@pytest.mark.slow
def test_variants_differ_in_one_part_each(tiny_store: SliceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    for name in ("benchmark_attention", "training_speed", "benchmark_rounds"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import benchmark_rounds as script

    games: dict[str, Players] = script.variants(tiny_store, TOY)
    assert {name: game.system.game.group > 0 for name, game in games.items()} == {  # type: ignore[attr-defined]
        "default": True, "apart": False, "every key": True, "none": True,
    }  # fmt: skip
    assert {name: pools(game) for name, game in games.items()} == {
        "default": [True] * 2, "apart": [True] * 2, "every key": [False] * 2, "none": [],
    }  # fmt: skip
    assert games["default"].system.policy == games["none"].system.policy
    default, apart = (games[name].play(0.0) for name in ("default", "apart"))
    for name, value in default.items():
        torch.testing.assert_close(apart[name], value, rtol=1e-3, atol=1e-4)
    rows: list[dict[str, Any]] = script.measure(games, 2)
    assert [row["variant"] for row in rows] == list(games)
    assert rows[0]["ratio"] == 1
    assert all(row["images_per_second"] > 0 for row in rows)

"""Rounds captured as CUDA graphs, on a GPU: `pytest tests/stages/train/test_graphs_on_cuda.py` needs one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.tiny import PLAIN, tiny_config

from medattngan.data.batches import Batches
from medattngan.data.resident import Resident
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train import checkpoint as checkpointing
from medattngan.stages.train.graphs import CudaGraphs, Recorder, Unrecorded
from medattngan.stages.train.players import Players
from medattngan.stages.train.train import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

ROUNDS = 20
ROUNDING = 1e-3
"""Of what the weights have moved: kernels that add up in another order each time (atomics) set it, and Adam, whose
first steps are as long for a gradient of rounding as for any other."""


def players(store: SliceStore, graphs: str, preset: str = "compact", recorder: Recorder | None = None) -> Players:
    """Penalties now and then, augmentation that ADA moves, rates that fall: whatever may change between rounds."""
    config = tiny_config(
        preset,
        loss={"kind": "non_saturating", "r1_gamma": 0.1, "penalty_every": 4},
        augment={"policy": ("translate", "rotate", "brightness"), "adaptive": True, "target": -1.0},
        train={"accelerator": "cuda", "batch_size": 8, "lr_decay": 0.5, "graphs": graphs},
    )
    torch.manual_seed(0)
    return Players(config, build(config), Batches(store.split("train"), 32, 8, 0), recorder=recorder)


def play(game: Players, rounds: int = ROUNDS) -> None:
    while game.state.progress.step < rounds:
        game.play(game.state.progress.step / ROUNDS)


def weights(game: Players) -> dict[str, torch.Tensor]:
    """Of each file, as one vector."""
    return {
        name: torch.cat([tensor.double().flatten().cpu() for tensor in network.state_dict().values()])
        for name, network in game.state.files().items()
    }


def apart(one: Players, other: Players, start: dict[str, torch.Tensor]) -> float:
    """How far two games are from each other, as a share of how far one has come."""
    mine, theirs = weights(one), weights(other)
    return max(float((mine[n] - theirs[n]).norm() / (mine[n] - start[n]).norm()) for n in start)


@pytest.mark.parametrize("preset", PLAIN)
def test_after_twenty_rounds_a_captured_game_is_where_a_played_one_is(preset: str, tiny_store: SliceStore) -> None:
    captured, played = players(tiny_store, "on", preset), players(tiny_store, "off", preset, recorder=Unrecorded())
    start = weights(captured)
    for game in (captured, played):
        play(game)
    assert captured.recordings is not None
    assert isinstance(captured.recordings.recorder, CudaGraphs)
    assert len(captured.recordings.kinds) > 2
    assert isinstance(captured.slices, Resident)
    assert apart(played, captured, start) < ROUNDING


def test_graphs_on_and_off_arrive_at_one_place(tiny_store: SliceStore) -> None:
    captured, off = players(tiny_store, "on"), players(tiny_store, "off")
    start = weights(captured)
    for game in (captured, off):
        play(game)
    assert off.recordings is None
    assert apart(off, captured, start) < 10 * ROUNDING  # another Adam, of other operations


def test_a_captured_game_resumes_and_rolls_back(tiny_store: SliceStore, tmp_path: Path) -> None:
    whole, resumed = players(tiny_store, "on"), players(tiny_store, "on")
    start = weights(whole)
    play(whole, 7)
    saved = checkpointing.save(whole.state, tmp_path)
    play(whole)
    checkpointing.load(resumed.state, saved)
    play(resumed)
    assert apart(whole, resumed, start) < ROUNDING
    assert whole.state.progress.augment_probability == resumed.state.progress.augment_probability
    checkpointing.load(whole.state, saved)  # its graphs find the weights of then where they were
    play(whole)
    assert apart(resumed, whole, start) < ROUNDING


def test_a_round_waits_for_nothing(tiny_store: SliceStore) -> None:
    """PyTorch itself raises where an operation would make the host wait; every kind of round has been captured."""
    game = players(tiny_store, "on")
    play(game)
    inputs = game._inputs()
    assert game.recordings is not None
    torch.cuda.set_sync_debug_mode("error")
    try:
        game.recordings.play(inputs)
        game.whole_round({name: tensor.cuda(non_blocking=True) for name, tensor in inputs.items()})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(torch.isfinite(one).all() for one in weights(game).values())


def test_a_training_with_graphs_ends_and_samples(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = tiny_config(
        train={
            "accelerator": "cuda", "graphs": "on", "batch_size": 8, "kimg": 0.32, "minutes": None,
            "validate_minutes": None, "log_kimg": 0.04, "precision": "bf16-mixed",
        }
    )  # fmt: skip
    run = train(config, tiny_store, tmp_path / "run", progress=False)
    assert run.checkpoint("last").name == "step-000000040"
    rows = (run.path / "metrics.csv").read_text().splitlines()
    assert len(rows) == 9
    assert "nan" not in "".join(rows)

"""Recorded rounds are the rounds that are played: to the byte, through checkpoints and roll-backs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.tape import Taped
from helpers.tiny import PLAIN, tiny_config
from torch import Tensor

from medattngan.core.config import TrainConfig
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train import checkpoint as checkpointing
from medattngan.stages.train import players as players_module
from medattngan.stages.train.graphs import Play, Recorder, Unrecorded, recorder_for
from medattngan.stages.train.loop import DivergedError, Training
from medattngan.stages.train.players import Players
from medattngan.stages.train.ranks import Ranks
from medattngan.stages.train.recordings import MOST
from medattngan.stages.train.train import train

ROUNDS = 20


def players(
    store: SliceStore, recorder: Recorder | None, preset: str = "compact", say: Callable[[str], None] = print
) -> Players:
    """A game in which all that may change from round to round does: penalties, ADA's probability, the rates."""
    config = tiny_config(
        preset,
        model={"preset": preset, "z_dim": 4, "generator_width": 4, "discriminator_width": 4},
        loss={"r1_gamma": 0.1, "penalty_every": 3},
        augment={"policy": ("translate", "brightness"), "adaptive": True, "target": -1.0},
        train={"accelerator": "cpu", "batch_size": 4, "lr_decay": 0.5, "ema_rampup": 0.5},
    )
    torch.manual_seed(0)
    return Players(config, build(config), Batches(store.split("train"), 32, 4, 0), recorder=recorder, say=say)


def play(game: Players, rounds: int, budget: int = ROUNDS) -> list[dict[str, float]]:
    """Rounds up to this number, with rates that begin to fall half-way; what each logs, and ADA's probability."""
    found = []
    while game.state.progress.step < rounds:
        logged = {name: float(value) for name, value in game.play(game.state.progress.step / budget).items()}
        found.append({**logged, "probability": game.state.progress.augment_probability})
    return found


def tensors(game: Players) -> dict[str, Tensor]:
    """All weights, averages, buffers and moments."""
    kept = game.state.snapshot()
    found = {f"{file}.{key}": tensor for file, weights in kept.weights.items() for key, tensor in weights.items()}
    for name, saved in kept.moments.items():
        found |= {f"{name}.{n}.{key}": t for n, one in saved["state"].items() for key, t in one.items()}
    return found


def assert_same(one: Players, other: Players) -> None:
    mine, theirs = tensors(one), tensors(other)
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name
    assert one.state.progress.augment_probability == other.state.progress.augment_probability


@pytest.mark.parametrize(
    "preset", ["compact", *(pytest.param(name, marks=pytest.mark.slow) for name in PLAIN if name != "compact")]
)
def test_after_twenty_rounds_a_recorded_game_has_the_bytes_of_a_played_one(preset: str, tiny_store: SliceStore) -> None:
    taped = Taped()
    played, recorded = players(tiny_store, Unrecorded(), preset), players(tiny_store, taped, preset)
    assert play(played, ROUNDS) == play(recorded, ROUNDS)
    assert_same(played, recorded)
    assert len(taped.tapes) > 2  # with and without penalties, before ADA first turned augmentation on and after
    assert recorded.state.progress.augment_probability > 0


@pytest.mark.slow
def test_what_a_recording_froze_would_be_seen(tiny_store: SliceStore) -> None:
    """The tape holds what Python knew when it ran: with a rate of the host's the recorded game goes elsewhere."""
    played, recorded = players(tiny_store, Unrecorded()), players(tiny_store, Taped())
    for optimizer in recorded.state.optimizers.values():
        optimizer.param_groups[0]["lr"] = 5e-4
    found, frozen = play(played, 6, budget=6), play(recorded, 6, budget=6)
    assert found[:4] == frozen[:4]
    assert found[4:] != frozen[4:]


@pytest.mark.slow
def test_recorded_and_plain_games_differ_by_rounding_alone(tiny_store: SliceStore) -> None:
    """`train.graphs=off` has Adam of many operations and rates of the host's; the losses are the same but for that."""
    plain, recorded = play(players(tiny_store, None), 4), play(players(tiny_store, Taped()), 4)
    for one, other in zip(plain, recorded, strict=True):
        for game in (one, other):  # what shifts all logits has a gradient of rounding alone, and Adam a step for it
            game["lead"] = game.pop("logits_real") - game.pop("logits_fake")
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)


@pytest.mark.slow
def test_a_recorded_game_goes_back_to_a_checkpoint_and_another_goes_on_from_it(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    taped = Taped()
    game, resumed = players(tiny_store, taped), players(tiny_store, Taped())
    play(game, 4)
    saved = checkpointing.save(game.state, tmp_path)
    first, recordings = play(game, 8), len(taped.tapes)
    checkpointing.load(game.state, saved)
    assert play(game, 8) == first
    checkpointing.load(resumed.state, saved)
    assert play(resumed, 8) == first
    assert_same(game, resumed)
    checkpointing.load(game.state, saved)
    game.state.progress.lr_scale = 0.5
    assert play(game, 6) != first[:2]  # the rates are not what they were
    assert len(taped.tapes) == recordings


def test_ada_read_seldom_is_read_when_it_would_have_been_after_a_resume(tiny_store: SliceStore, tmp_path: Path) -> None:
    whole, resumed = players(tiny_store, Unrecorded()), players(tiny_store, Unrecorded())
    for game in (whole, resumed):
        assert game.control is not None
        game.control.every, game.control.target = 4, -2.0
    steps = [one["probability"] for one in play(whole, 6)]
    saved = checkpointing.save(whole.state, tmp_path)
    steps += [one["probability"] for one in play(whole, 9)]
    assert len(set(steps[:3])) == len(set(steps[3:7])) == 1
    assert steps[3] == pytest.approx(4 * 4 / 100_000)  # four rounds of four images, all above the target
    checkpointing.load(resumed.state, saved)
    play(resumed, 9)
    assert_same(whole, resumed)


class Counting:
    """Counts its recordings, which repeat by playing."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, play: Play) -> Play:
        self.count += 1
        return play


class Fails:
    """A recorder on a machine that cannot."""

    def record(self, play: Play) -> Play:
        play()
        raise RuntimeError("CUDA error: the driver is too old\nand more of it")


def test_a_failed_recording_is_said_and_the_game_goes_on_as_if_it_had_not_been_tried(tiny_store: SliceStore) -> None:
    said: list[str] = []
    played, failing = players(tiny_store, Unrecorded()), players(tiny_store, Fails(), say=said.append)
    assert play(played, 3) == play(failing, 3)
    assert_same(played, failing)
    assert len(said) == 1
    assert said[0].endswith("(train.graphs): CUDA error: the driver is too old")


def test_graphs_on_does_not_go_on_without(tiny_store: SliceStore) -> None:
    game = players(tiny_store, Fails())
    assert game.recordings is not None
    game.recordings.required = True
    with pytest.raises(UserError, match=r"train\.graphs is on, but a round cannot be captured \(CUDA error"):
        game.play(0.0)


def test_graphs_on_without_a_gpu_is_a_mistake_and_auto_says_nothing(tiny_store: SliceStore, tmp_path: Path) -> None:
    def options(graphs: str) -> TrainConfig:
        return tiny_config(train={"accelerator": "cpu", "graphs": graphs}).train

    config = tiny_config(train={"accelerator": "cpu", "graphs": "on"})
    with pytest.raises(UserError, match=r"train\.graphs is on, but the device is cpu.*auto or off"):
        train(config, tiny_store, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
    for graphs in ("auto", "off"):
        assert recorder_for(options(graphs), Ranks(options(graphs))) == (None, "")


def test_kinds_without_end_are_played_and_not_recorded(tiny_store: SliceStore) -> None:
    counting = Counting()
    game = players(tiny_store, counting)
    assert game.recordings is not None
    for count in range(MOST + 3):
        inputs = {**game._inputs(), "draw.unused": torch.zeros(count)}
        game.recordings.play(inputs)
    assert counting.count == len(game.recordings.kinds) == MOST


@pytest.mark.slow
def test_a_recorded_training_that_diverges_rolls_back_and_ends_with_numbers(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(
        model={"z_dim": 4, "generator_width": 4, "discriminator_width": 4},
        train={
            "accelerator": "cpu", "batch_size": 4, "kimg": 0.048, "minutes": None, "log_kimg": 0.004,
            "validate_minutes": None, "checkpoint_steps": 4,
        },
        augment={"probability": 0.0},
    )  # fmt: skip
    taped, poisoned = Taped(), []
    monkeypatch.setattr(players_module, "recorder_for", lambda *_: (taped, ""))
    logged = Training._log

    def log(self: Training, *arguments: object) -> None:
        if self.numbers.step == 6 and not poisoned:
            poisoned.append(self.numbers.step)
            torch.nn.init.constant_(next(self.players.state.networks["generator"].parameters()), float("nan"))
            raise DivergedError("a test has poisoned a weight")
        logged(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Training, "_log", log)
    run = train(config, tiny_store, tmp_path / "run", progress=False)
    assert poisoned == [6]
    assert isinstance(run, Run)
    assert run.checkpoint("last").name == "step-000000012"
    assert len(taped.tapes) == 2  # none anew after the roll-back

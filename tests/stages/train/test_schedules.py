"""A training whose penalties, rates, β2 and averages move: it resumes exactly, and keeps the best average."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.tiny import tiny_config
from safetensors.torch import load_file

from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json
from medattngan.core.run import Run
from medattngan.core.types import Images
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train import train as verb
from medattngan.stages.train.averages import follow, share_taken
from medattngan.stages.train.graphs import recorder_for
from medattngan.stages.train.players import Players
from medattngan.stages.train.ranks import Ranks
from medattngan.stages.train.train import train

MOVING = {
    "loss": {"gamma_rule": "r3gan", "penalty_every": 2},
    "optimizer": {"lr_end": 0.25, "beta2": 0.9, "beta2_end": 0.99},
}
FILES = ("ema-1", "ema-5", "ema-0.01", "generator", "discriminator")


def moving(kimg: float, **options: Any) -> Config:
    few = {
        "kimg": kimg,
        "minutes": None,
        "batch_size": 4,
        "validate_minutes": None,
        "anneal": 0.5,
        "seed": 3,
        "ema_rampup": 1000,
    }
    return tiny_config(train=few | {"ema_more": [1, 0.01]} | options, **MOVING)


def weights(run: Run, name: str) -> dict[str, torch.Tensor]:
    return load_file(run.checkpoint("last") / f"{name}.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def players(store: SliceStore, config: Config) -> Players:
    torch.manual_seed(0)
    system, part = build(config), store.split("train")
    return Players(config, system, Batches(part, 32, 4, 0))


def test_rates_and_beta2_follow_their_cosine_until_the_annealing_is_over(tiny_store: SliceStore) -> None:
    game = players(tiny_store, moving(1.0))
    for spent, rate, beta2 in ((0.0, 1.0, 0.9), (0.25, 0.625, 0.945), (0.5, 0.25, 0.99), (0.9, 0.25, 0.99)):
        game.play(spent)
        for name, optimizer in game.state.optimizers.items():
            (group,) = optimizer.param_groups
            assert float(group["lr"]) == pytest.approx(rate * game.system.rates[name])
            assert group["betas"] == (0.0, pytest.approx(beta2))


def test_every_half_life_is_what_averaging_by_itself_would_give(tiny_store: SliceStore) -> None:
    game = players(tiny_store, moving(1.0))
    own = {half_life: build(game.config).networks["generator"] for half_life in game.state.half_lives}
    for network in own.values():
        network.load_state_dict(game.state.networks["generator"].state_dict())
    for step in range(1, 4):
        game.play(0.0)
        for half_life, network in own.items():
            follow(network, game.state.networks["generator"], share_taken(4 * step, 4, half_life, 1000))
    assert list(own) == [5.0, 0.01, 1.0]
    for half_life, network in own.items():
        kept = game.state.half_lives[half_life].state_dict()
        assert all(torch.equal(kept[key], tensor) for key, tensor in network.state_dict().items())


@pytest.mark.slow
def test_a_training_in_which_all_moves_resumes_to_the_same_weights(tiny_store: SliceStore, tmp_path: Path) -> None:
    whole = train(moving(0.048), tiny_store, tmp_path / "whole", progress=False)

    class StoppedError(Exception):
        pass

    play, played = Players.play, []

    def stop(game: Players, spent: float) -> dict[str, torch.Tensor]:
        played.append(spent)
        if len(played) == 8:
            raise StoppedError
        return play(game, spent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Players, "play", stop)
        with pytest.raises(StoppedError):
            train(moving(0.048, checkpoint_steps=3), tiny_store, tmp_path / "run", progress=False)
    again = train(moving(0.048, checkpoint_steps=3), tiny_store, tmp_path / "run", resume=True, progress=False)
    assert all(same(weights(whole, name), weights(again, name)) for name in FILES)
    assert same(weights(again, "ema"), weights(again, "ema-5"))  # nothing was chosen


class Liking:
    """A validation that likes one half-life best: the generator whose weights it was told of."""

    count, name = 4, "fd_val[liking]"

    def __init__(self, liked: float) -> None:
        self.liked, self.asked = liked, list[float]()

    def score(self, fake: Images) -> float:
        self.asked.append(float(fake.sum()))
        return abs([5.0, 0.01, 1.0][(len(self.asked) - 1) % 3] - self.liked)


def test_the_average_with_the_best_score_is_what_sample_takes(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Liking(0.01)
    monkeypatch.setattr(verb.Validation, "prepare", classmethod(lambda cls, *_: judge))
    monkeypatch.setattr(verb.Overfitting, "prepare", classmethod(lambda cls, *_: None))
    run = train(moving(0.024, validate_minutes=10), tiny_store, tmp_path / "run", progress=False)
    numbers = read_json(run.checkpoint("last") / "checkpoint.json")
    assert (numbers["ema_kimg"], numbers["score"]) == (0.01, 0.0)
    assert same(weights(run, "ema"), weights(run, "ema-0.01"))
    assert not same(weights(run, "ema"), weights(run, "ema-5"))
    header = (run.path / "metrics.csv").read_text().splitlines()[0]
    assert "fd_val[liking],fd_val[liking] ema 5,fd_val[liking] ema 0.01,fd_val[liking] ema 1" in header


def test_a_training_with_one_half_life_writes_what_it_always_wrote(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = tiny_config(train={"kimg": 0.008, "minutes": None, "batch_size": 4, "validate_minutes": None})
    last = train(config, tiny_store, tmp_path / "run", progress=False).checkpoint("last")
    assert {path.name for path in last.glob("*.safetensors")} == {
        "ema.safetensors", "generator.safetensors", "discriminator.safetensors",
    }  # fmt: skip
    assert "ema_kimg" not in read_json(last / "checkpoint.json")


def test_a_graph_is_not_recorded_where_beta2_moves(tiny_store: SliceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    config = moving(1.0, graphs="on")
    ranks = Ranks(config.train)
    monkeypatch.setattr(type(ranks.fabric), "device", torch.device("cuda"))
    with pytest.raises(UserError, match=r"graphs is on, but optimizer\.beta2_end moves"):
        recorder_for(config.train, ranks, moving=True)

"""A private training from its first move to what its samples say of it."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.tiny import tiny_config

pytest.importorskip("opacus", reason="needs the extra private")

from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json
from medattngan.core.run import Run, numbers_of
from medattngan.data.store import SliceStore
from medattngan.stages.sample.sample import sample
from medattngan.stages.train import private as private_module
from medattngan.stages.train.players import Players
from medattngan.stages.train.private import KEY, Privacy
from medattngan.stages.train.train import train

BRIEF = {"kimg": 0.032, "minutes": None, "batch_size": 4, "log_kimg": 0.004, "checkpoint_steps": 3}
PRIVATE = {"epsilon": 20.0, "delta": 0.01, "generator_every": 2, "noise": 1.0}


def config(private: dict[str, Any] | None = None, **options: Any) -> Config:
    return tiny_config(private=PRIVATE | (private or {}), train=BRIEF | options)


def rows(run: Run) -> list[dict[str, str]]:
    with (run.path / "metrics.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def trained(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(config(), tiny_store, tmp_path_factory.mktemp("private") / "run", progress=False)


def test_what_was_spent_stands_in_the_run_and_in_its_samples(trained: Run, tmp_path: Path) -> None:
    privacy = numbers_of(trained.checkpoint("last"))["privacy"]
    told = Privacy(Run.open(trained.path).config, 8)
    assert (privacy["unit"], privacy["moves"], privacy["rate"], privacy["delta"]) == ("patient", 8, 0.5, 0.01)
    assert 0 < privacy["epsilon"] == told.epsilon(8) <= 20
    assert privacy["noise"] == Run.open(trained.path).config.private.noise == 1.0
    drawn = sample(trained, tmp_path / "samples", count=2)
    assert drawn.provenance["checkpoint"]["privacy"] == privacy
    assert "epsilon" in repr(drawn)
    assert "epsilon" in repr(trained)


def test_the_log_has_what_was_spent_and_nothing_of_real_slices(trained: Run) -> None:
    logged = rows(trained)
    assert not {"logits_real", "sign_real", "loss_discriminator", "r_v"} & set(logged[0])
    spent = [float(row["epsilon"]) for row in logged]
    assert spent == sorted(spent)
    assert spent[0] > 0
    assert all(row["loss_generator"] for row in logged)
    assert read_json(trained.checkpoint("best") / "checkpoint.json")["score"] is None


def test_the_key_is_gone_when_training_has_ended(trained: Run) -> None:
    assert not list(trained.path.rglob(f"*{KEY}*"))


def test_the_seed_alone_does_not_give_the_noise_away(trained: Run, tiny_store: SliceStore, tmp_path: Path) -> None:
    again = train(config(), tiny_store, tmp_path / "run", progress=False)
    one, other = ((run.checkpoint("last") / "discriminator.safetensors").read_bytes() for run in (trained, again))
    assert one != other


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bytes_and_counts_on(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_module, "make_secret", lambda path: path.write_bytes(bytes(range(32))))
    play = Players.play

    def killed_at_five(game: Players, spent: float) -> dict[str, torch.Tensor]:
        if game.state.progress.step == 5:
            raise KeyboardInterrupt
        return play(game, spent)

    whole = train(config(), tiny_store, tmp_path / "whole", progress=False)
    monkeypatch.setattr(Players, "play", killed_at_five)
    with pytest.raises(KeyboardInterrupt):
        train(config(), tiny_store, tmp_path / "run", progress=False)
    monkeypatch.setattr(Players, "play", play)
    assert (tmp_path / "run" / KEY).is_file()
    resumed = train(config(), tiny_store, tmp_path / "run", resume=True, progress=False)
    for name in ("generator", "discriminator", "ema"):
        one, other = ((run.checkpoint("last") / f"{name}.safetensors").read_bytes() for run in (whole, resumed))
        assert one == other, name
    assert numbers_of(resumed.checkpoint("last"))["privacy"] == numbers_of(whole.checkpoint("last"))["privacy"]


@pytest.mark.slow
def test_the_noise_is_the_least_for_the_whole_training(tiny_store: SliceStore, tmp_path: Path) -> None:
    run = train(config({"noise": None}), tiny_store, tmp_path / "run", progress=False)
    assert 19.8 < numbers_of(run.checkpoint("last"))["privacy"]["epsilon"] <= 20


@pytest.mark.slow
def test_a_longer_training_keeps_its_noise_and_ends_before_the_budget_is_passed(
    trained: Run, tiny_store: SliceStore, tmp_path: Path
) -> None:
    shutil.copytree(trained.path, tmp_path / "run")
    longer = train(config({"noise": None}, kimg=1000.0), tiny_store, tmp_path / "run", resume=True, progress=False)
    spent = numbers_of(longer.checkpoint("last"))["privacy"]
    told = Privacy(longer.config, 8)
    assert longer.config.private.noise == trained.config.private.noise
    assert spent["moves"] == told.most_moves
    assert spent["epsilon"] <= 20 < told.epsilon(spent["moves"] + 1)


@pytest.mark.parametrize(
    ("private", "options", "said"),
    [
        ({"delta": 0.2}, {}, r"private\.delta is 0\.2"),
        ({}, {"batch_size": 9}, "only 8 training patients"),
        ({}, {"devices": 2}, r"train\.devices=1"),
        ({}, {"compile": True}, r"train\.compile=false"),
        ({"epsilon": 0.1, "noise": 0.1}, {}, "in one move"),
    ],
)
def test_what_no_promise_can_be_made_of_is_refused(
    private: dict[str, Any], options: dict[str, Any], said: str, tiny_store: SliceStore, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        train(config(private, **options), tiny_store, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_run_that_knows_the_patients_already_is_not_begun_from(
    trained: Run, tiny_store: SliceStore, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="whose patients this training is to protect"):
        train(config(), tiny_store, tmp_path / "run", begin=trained, progress=False)


def test_a_private_training_that_diverges_ends(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Players.play

    def poison(game: Players, spent: float) -> dict[str, torch.Tensor]:
        return {**play(game, spent), "loss_generator": torch.tensor(float("nan"))}

    monkeypatch.setattr(Players, "play", poison)
    with pytest.raises(UserError, match="cannot go back"):
        train(config(), tiny_store, tmp_path / "run", progress=False)

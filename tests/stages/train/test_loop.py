"""What a training leaves behind, and what it does when the numbers run away."""

from __future__ import annotations

import csv
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.tiny import tiny_config

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.data.batches import Batches, load_images
from medattngan.data.store import SliceStore
from medattngan.stages.train.players import Players
from medattngan.stages.train.train import train


def brief(**options: Any) -> Config:
    """A few rounds of tiny networks."""
    few = {"kimg": 0.032, "minutes": None, "batch_size": 4, "log_kimg": 0.008, "validate_minutes": None}
    return tiny_config(train=few | options)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_run_holds_its_log_grids_and_checkpoints(tiny_store: SliceStore, tmp_path: Path) -> None:
    run = train(brief(), tiny_store, tmp_path / "run", progress=False)
    logged = rows(run.path)
    assert [float(r["kimg"]) for r in logged] == pytest.approx([0.008, 0.016, 0.024, 0.032])
    assert all(float(r["images_per_second"]) > 0 and float(r["seconds"]) > 0 for r in logged)
    assert list((run.path / "grids").glob("*.png"))
    assert list((run.path / "tensorboard").iterdir())
    assert run.checkpoint("best") == run.checkpoint("last")


def test_minutes_stop_a_training_before_its_kimg(tiny_store: SliceStore, tmp_path: Path) -> None:
    run = train(brief(kimg=1000, minutes=0.02), tiny_store, tmp_path / "run", progress=False)
    assert 0.5 <= float(rows(run.path)[-1]["seconds"]) < 30


def test_the_bar_is_full_at_the_end_though_the_last_row_was_long_before(
    tiny_store: SliceStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(brief(kimg=0.012), tiny_store, tmp_path / "run", progress=True)
    last = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert "100 %" in last
    assert "0.0 kimg" in last


def test_each_epoch_shows_every_slice_once(tiny_store: SliceStore) -> None:
    part = tiny_store.split("train")
    batches = Batches(part, 32, 1, seed=3)
    shown = torch.cat([batches(step)[0] for step in range(len(part))])
    everything = load_images(part, size=32)
    assert not torch.equal(shown, everything)
    assert sorted(shown.sum((1, 2, 3)).tolist()) == pytest.approx(sorted(everything.sum((1, 2, 3)).tolist()))


def test_a_batch_depends_on_its_step_alone(tiny_store: SliceStore) -> None:
    part = tiny_store.split("train")
    forward = [Batches(part, 32, 4, seed=3)(step)[0] for step in (0, 30, 5)]
    again = Batches(part, 32, 4, seed=3)
    assert all(torch.equal(again(step)[0], batch) for step, batch in zip((0, 30, 5), forward, strict=True))


def test_a_training_that_diverges_rolls_back_with_a_lower_rate(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, poisoned = Players.play, []

    def poison_once(game: Players, spent: float) -> dict[str, torch.Tensor]:
        terms = play(game, spent)
        if game.state.progress.step == 5 and not poisoned:
            poisoned.append(True)
            next(game.state.networks["generator"].parameters()).data.fill_(math.nan)
        return terms

    monkeypatch.setattr(Players, "play", poison_once)
    run = train(brief(checkpoint_steps=2), tiny_store, tmp_path / "run", progress=False)
    final = rows(run.path)[-1]
    assert poisoned
    assert (final["step"], final["lr_scale"]) == ("8", "0.5")


def test_a_training_that_keeps_diverging_stops_with_advice(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Players.play

    def poison(game: Players, spent: float) -> dict[str, torch.Tensor]:
        return {**play(game, spent), "loss_generator": torch.tensor(math.nan)}

    monkeypatch.setattr(Players, "play", poison)
    with pytest.raises(UserError, match=r"diverged .* again after 3 roll-backs; lower"):
        train(brief(), tiny_store, tmp_path / "run", progress=False)


def test_labels_condition_a_training(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = brief(kimg=0.008).model_copy(update={"data": brief().data.model_copy(update={"conditional": True})})
    run = train(config, tiny_store, tmp_path / "run", progress=False)
    assert run.store["labels"] == sorted(tiny_store.index["label"].unique())
    assert sum(run.store["label_counts"]) == len(tiny_store.split("train"))


def test_a_store_smaller_than_the_images_wanted_is_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = brief().model_copy(update={"data": brief().data.model_copy(update={"size": 64})})
    with pytest.raises(UserError, match=r"set data\.size=32 or ingest with --size 64"):
        train(config, tiny_store, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_validation_score_marks_the_best_checkpoint(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = brief(validate_minutes=10, validate_count=50)
    run = train(config, tiny_store, tmp_path / "run", progress=False)
    assert float(rows(run.path)[-1]["fd_val[efficientnet-lite0@128]"]) > 0
    assert 0 <= float(rows(run.path)[-1]["r_v"]) <= 1
    assert run.checkpoint("best").name == "step-000000008"


def test_mixed_precision_takes_gradient_penalties_too(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = brief(kimg=0.012, log_kimg=0.004, precision="bf16-mixed", accelerator="cpu")
    run = train(config, tiny_store, tmp_path / "run", progress=False)
    assert all(float(r["r1"]) >= 0 for r in rows(run.path) if r["r1"])
    assert any(r["r1"] for r in rows(run.path))


@pytest.mark.parametrize(
    ("scarce", "given", "expected"),
    [(1000, {}, 0.008 / 100), (0, {}, 0.0), (1000, {"probability": 0.3}, 0.3), (0, {"adaptive": True}, 0.008 / 100)],
)
def test_the_control_comes_on_by_itself_where_slices_are_scarce(
    tiny_store: SliceStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scarce: int,
    given: dict[str, Any],
    expected: float,
) -> None:
    monkeypatch.setattr(import_module("medattngan.stages.train.resolve"), "SCARCE", scarce)
    tree = brief(kimg=0.008).model_dump()
    # A target that any critic is above, so that the control moves up with every image.
    run = train(
        Config.from_tree(tree | {"augment": {"target": -1.0, **given}}, "test"),
        tiny_store,
        tmp_path / "run",
        progress=False,
    )
    assert float(rows(run.path)[-1]["augment_probability"]) == pytest.approx(expected)

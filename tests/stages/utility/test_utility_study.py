"""The whole comparison at toy size: GANs, arms, table, figure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.told import conditions, told
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.initialise import begin_from
from medattngan.stages.train.train import train
from medattngan.stages.utility import utility as study
from medattngan.stages.utility.cell import Cell, _augmented, _real
from medattngan.stages.utility.utility import utility

TOY = Config.from_tree(
    {
        "data": {"size": 32},
        "model": {"generator_width": 8, "discriminator_width": 8},
        "train": {"kimg": 0.064, "minutes": None, "batch_size": 8, "validate_minutes": None},
    },
    "toy",
)


@pytest.fixture(scope="module")
def plain_run(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(TOY, tiny_store, tmp_path_factory.mktemp("plain") / "run", progress=False)


def conditional(width: int = 8) -> Config:
    tree = TOY.model_dump(mode="json")
    tree["data"]["conditional"] = True
    tree["model"]["generator_width"] = width
    return Config.from_tree(tree, "toy")


def test_a_training_begun_from_another_run_starts_with_what_that_one_draws(plain_run: Run) -> None:
    gan = build(conditional(), conditions(2))
    begin_from(plain_run, gan)
    plain = build(TOY)
    begin_from(plain_run, plain)
    z = torch.randn(4, gan.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = plain.networks["generator"](z)
        for label in (0, 1):
            labels = told(torch.full((4,), label))
            assert torch.equal(gan.networks["generator"](z, labels), expected)
            assert torch.equal(
                gan.networks["discriminator"](expected, labels), plain.networks["discriminator"](expected)
            )


def test_values_begin_without_a_say_and_can_learn_one(plain_run: Run) -> None:
    asked = TOY.model_copy(update={"data": TOY.data.model_copy(update={"conditions": ("position_mm",)})})
    gan, plain = build(asked, conditions(0, ("position_mm",))), build(TOY)
    begin_from(plain_run, gan)
    begin_from(plain_run, plain)
    z, values = torch.randn(4, gan.z_dim, generator=torch.Generator().manual_seed(0)), torch.linspace(-1, 1, 4)
    drawn = gan.networks["generator"](z, told(position_mm=values))
    assert torch.equal(drawn, plain.networks["generator"](z))
    drawn.sum().backward()
    assert float(gan.networks["generator"].get_submodule("values.output").weight.grad.abs().sum()) > 0


def test_a_run_of_another_width_is_refused(plain_run: Run) -> None:
    gan = build(conditional(width=16), conditions(2))
    with pytest.raises(UserError, match="other networks"):
        begin_from(plain_run, gan)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning")  # four images
def test_every_arm_is_scored_for_every_start_and_what_stands_is_kept(tiny_store: SliceStore, tmp_path: Path) -> None:
    out = tmp_path / "utility"
    options = {"per_class": [2], "seeds": 2, "amounts": [1, 2], "pretrain_minutes": 0.005}
    results = utility(TOY, tiny_store, out, **options, extractor="efficientnet-lite0@128")
    arms = ["real", "real + classical", "real + synthetic x1", "real + synthetic x2", "synthetic"]
    for name in ("2 scratch", "2 pretrained"):
        scores = results[name]["balanced_accuracy"]
        assert list(scores["arms"]) == [*arms, "real + classical + synthetic"]
        assert all(0 <= score["ci95"][0] <= score["ci95"][1] <= 1 for score in scores["arms"].values())
        assert "real + synthetic x2 - real + classical" in scores["differences"]
        assert "real + synthetic x2 - real" in scores["differences"]
    assert json.loads((out / "utility.json").read_text())["test_patients"] == 2
    before = {p: p.stat().st_mtime_ns for p in out.glob("*/run/checkpoints/*/*")}
    assert utility(TOY, tiny_store, out, **options, extractor="efficientnet-lite0@128") == results
    assert {p: p.stat().st_mtime_ns for p in out.glob("*/run/checkpoints/*/*")} == before
    with pytest.raises(UserError, match="other settings"):
        utility(TOY, tiny_store, out, **{**options, "amounts": [1]}, extractor="efficientnet-lite0@128")


def test_a_store_without_labels_is_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    bare = tiny_store.select([True] * len(tiny_store))
    bare.index["label"] = None
    with pytest.raises(UserError, match="ingest with --labels"):
        utility(TOY, bare, tmp_path / "utility")


@pytest.mark.slow
def test_a_log_sees_which_cell_a_study_is_at_and_stdout_the_path_alone(tiny_store: SliceStore, tmp_path: Path) -> None:
    TOY.save(tmp_path / "toy.yaml")
    study = [tmp_path / "toy.yaml", "--data", tiny_store.path, "--out", tmp_path / "out", "--per-class", 2]
    command = ["utility", *map(str, study), "--seeds", "2", "--amounts", "1"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.stdout == f"{tmp_path / 'out'}\n"
    lines = result.stderr.splitlines()
    assert "cell 1 of 2: 2 a class, scratch, seed 0" in lines
    assert any(line.startswith("cell 2 of 2: 2 a class, scratch, seed 1  0:") for line in lines)
    assert lines.count("features of slices, efficientnet-lite0 24 of 24") == 2, result.stderr
    again = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "cell" not in again.stderr, "what stands is done again"


def test_pre_training_is_as_long_as_was_asked_and_told_no_labels(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Config] = []
    monkeypatch.setattr(study, "train", lambda config, *places, **options: asked.append(config))
    labelled = Config.from_tree({"data": {"conditions": ["label", "position_mm"]}, "train": {"kimg": 16}}, "toy")
    study.pretrain(labelled, tiny_store, tmp_path, 120, progress=False)
    assert asked[0].train.minutes == 120
    assert asked[0].train.kimg > 100_000
    assert asked[0].data.conditions == ("position_mm",)
    with pytest.raises(UserError, match="sagan has other layers with labels"):
        study.pretrain(Config.from_tree({"model": {"preset": "sagan"}}, "toy"), tiny_store, tmp_path, 1, progress=False)


def test_real_and_synthetic_slices_are_seen_at_one_size(tiny_store: SliceStore, tmp_path: Path) -> None:
    seen: list[int] = []

    def see(images: torch.Tensor) -> np.ndarray:
        seen.append(images.shape[-1])
        return np.zeros((len(images), 2))

    small = TOY.model_copy(update={"data": TOY.data.model_copy(update={"size": 16})})
    one = Cell(tmp_path, tiny_store.split("test"), 0, (1,), small, None)
    _real(see, one.real, small.data.size)
    _augmented(see, one)
    assert seen == [16, 16]


@pytest.mark.parametrize("words", ["--steps 5", "--end-to-end --amounts 3", "--task segmentation --per-class 5"])
def test_options_of_another_kind_of_study_are_refused(words: str, tmp_path: Path) -> None:
    asked = ["utility", "compact", "--data", str(tmp_path), "--out", str(tmp_path / "out"), *words.split()]
    result = CliRunner().invoke(app, asked)
    assert isinstance(result.exception, UserError)
    assert "has no meaning for" in str(result.exception)


def test_a_study_without_seeds_and_a_pool_without_a_class_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--seeds 0"):
        utility(TOY, tiny_store, tmp_path / "out", seeds=0)
    one = tiny_store.select((tiny_store.index["label"] == "small").to_numpy(bool))
    with pytest.raises(UserError, match="slices of large"):
        study.require_labels(one, tiny_store)

"""Continuous conditions, from configuration to samples: kept as quantiles, drawn when not given, checked when given."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from helpers.tiny import PLAIN, presets_that_take, tiny_config

import medattngan as mg
from medattngan.cli.app import main
from medattngan.conditions.condition import Conditions
from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import LEVELS
from medattngan.conditions.table import draw, of_run
from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json
from medattngan.core.run import Run
from medattngan.data.batches import Batches, load_images
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.models import build
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.players import Players
from medattngan.stages.train.select import describe
from medattngan.stages.train.train import train

TAKE_VALUES = presets_that_take(numbers=("position_mm",))


def configuration(preset: str = "compact", **data: object) -> Config:
    train = {"kimg": 0.016, "minutes": None, "batch_size": 4, "validate_minutes": None}
    return tiny_config(preset, data={"conditions": ["position_mm"], **data}, train=train)


@pytest.fixture(scope="module")
def run(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(configuration(), tiny_store, tmp_path_factory.mktemp("conditions") / "run", progress=False)


def test_a_run_keeps_quantiles_and_no_row_of_any_patient(run: Run) -> None:
    (kept,) = read_json(run.path / "store.json")["conditions"]
    assert kept.keys() == {"name", "quantiles"}
    assert (kept["name"], len(kept["quantiles"])) == ("position_mm", len(LEVELS))
    assert (kept["quantiles"][0], kept["quantiles"][-1]) == (0.0, 25.0)


def test_a_run_without_conditions_is_told_of_none(tiny_store: SliceStore, tmp_path: Path) -> None:
    plain = train(configuration(conditions=[]), tiny_store, tmp_path / "run", progress=False)
    assert "conditions" not in read_json(plain.path / "store.json")
    table = sample(plain, tmp_path / "s", count=2).table
    assert list(table.columns) == ["number", "seed", "label", "truncation"]
    with pytest.raises(UserError, match=r"trained without position_mm; train with data\.conditions=\[position_mm\]"):
        sample(plain, tmp_path / "t", count=2, values={"position_mm": 3.0})


def test_the_value_asked_for_changes_the_slice_and_stands_in_the_table(run: Run, tmp_path: Path) -> None:
    low, high = (sample(run, tmp_path / f"{v}", count=3, values={"position_mm": v}) for v in (0.0, 25.0))
    assert low.table["position_mm"].tolist() == [0.0] * 3
    assert not np.array_equal(low.codes, high.codes)
    assert np.array_equal(low.table["seed"], high.table["seed"])


def test_each_slice_may_have_a_value_of_its_own(run: Run, tmp_path: Path) -> None:
    mixed = sample(run, tmp_path / "m", count=3, values={"position_mm": [0.0, 12.5, 25.0]})
    for number, value in enumerate((0.0, 12.5, 25.0)):
        same = sample(run, tmp_path / f"{number}", count=3, values={"position_mm": value})
        assert np.array_equal(mixed.codes[number], same.codes[number])


def test_values_not_given_are_drawn_as_training_had_them_and_recorded(run: Run, tmp_path: Path) -> None:
    drawn = sample(run, tmp_path / "s", count=400, seed=1)
    values = Samples.open(tmp_path / "s").table["position_mm"]
    assert values.between(0, 25).all()
    assert values.mean() == pytest.approx(12.5, abs=1.5)
    again = sample(run, tmp_path / "t", count=2, seed=1, values={"position_mm": values.tolist()[:2]})
    assert np.array_equal(again.codes, drawn.codes[:2])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"position_mm": 30.0}, r"--condition position_mm=30 lies outside .* 0 to 25"),
        ({"position_mm": [1.0, -1.0]}, r"--condition position_mm=-1 lies outside"),
        ({"age": 30.0}, r"without age; it has position_mm"),
    ],
)
def test_what_training_has_not_seen_is_refused_without_a_trace(
    run: Run, tmp_path: Path, values: dict[str, float], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        sample(run, tmp_path / "s", count=2, values=values)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("kind", [pd.Series, torch.tensor, tuple, np.array, iter])
def test_values_for_each_slice_may_be_of_any_kind(run: Run, kind: Any) -> None:
    assert mg.generate(run, 2, position_mm=kind([3.0, 20.0])).table["position_mm"].tolist() == [3.0, 20.0]


@pytest.mark.parametrize(
    ("slices", "step", "fits"), [(6, 5.0, True), (6, 6.0, True), (8, 5.0, False), (64, 4.0, False)]
)
def test_a_volume_lies_where_training_slices_did(run: Run, slices: int, step: float, fits: bool) -> None:
    if fits:
        assert len(mg.generate(run, 1, slices=slices, step_mm=step)) == slices
    else:
        with pytest.raises(UserError, match=r"the run was trained on 0 to 25 mm; ask for \d slices"):
            mg.generate(run, 1, slices=slices, step_mm=step)


def test_values_of_another_number_of_slices_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 values for --count 2"):
        sample(run, tmp_path / "s", count=2, values={"position_mm": [1.0, 2.0, 3.0]})


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["medattngan", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_line_takes_several_settings_and_names_mistakes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["sample", run.path, "--count", "2", "--out", tmp_path / "s"]
    for settings, said in (
        (["position_mm"], "must be a"),
        (["position_mm=high"], "must be a"),
        (["position_mm=1", "position_mm=2"], "position_mm two values"),
        (["position_mm=99"], "0 to 25"),
    ):
        flags = [word for setting in settings for word in ("--condition", setting)]
        assert command(monkeypatch, *base, *flags) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "s").exists()
    assert command(monkeypatch, *base, "--condition", "position_mm=20") == 0
    assert Samples.open(tmp_path / "s").table["position_mm"].tolist() == [20.0, 20.0]


@pytest.mark.parametrize("preset", PLAIN)
def test_every_preset_takes_conditions_or_says_that_it_does_not(
    preset: str, tiny_store: SliceStore, tmp_path: Path
) -> None:
    config = configuration(preset)
    if preset not in TAKE_VALUES:
        with pytest.raises(UserError, match=rf"model\.preset={preset} takes no conditions; set data\.conditions=\[\]"):
            train(config, tiny_store, tmp_path / "run", progress=False)
        assert not (tmp_path / "run").exists()
        return
    trained = train(config, tiny_store, tmp_path / "run", progress=False)
    assert sample(trained, tmp_path / "s", count=2).codes.shape == (2, 32, 32)


@pytest.mark.slow
def test_labels_and_values_go_together(tiny_store: SliceStore, tmp_path: Path) -> None:
    for preset in TAKE_VALUES:
        both = train(configuration(preset, conditional=True), tiny_store, tmp_path / preset, progress=False)
        made = sample(both, tmp_path / f"s-{preset}", count=3, label="large", values={"position_mm": 5.0})
        assert made.table["label"].tolist() == ["large"] * 3
        assert made.table["position_mm"].tolist() == [5.0] * 3


def test_what_is_scored_has_labels_as_often_as_the_training_slices_and_a_grid_shows_each(
    tiny_store: SliceStore,
) -> None:
    batches = Batches(tiny_store.split("train"), 32, 4, 0, (Label(("large", "small"), (950, 50)),))
    assert batches.told_to(500)["label"].float().mean() == 0.5
    assert 0.02 < batches.told_to(500, draw)["label"].float().mean() < 0.08


def test_a_batch_pairs_each_slice_with_its_own_value(tiny_store: SliceStore) -> None:
    part = tiny_store.split("train")
    conditions = describe(tiny_store, part, configuration())["conditions"]
    assert [one["name"] for one in conditions] == ["position_mm"]
    batches = Batches(part, 32, 8, 0, of_run({"conditions": conditions}))
    images, told = batches(2)
    everything = load_images(part, size=32)
    for image, value in zip(images, told["position_mm"], strict=True):
        (row,) = (i for i, other in enumerate(everything) if torch.equal(image, other))
        assert float(value) == pytest.approx(2 * float(part.index["position_mm"][row]) / 25 - 1)


def test_a_resumed_conditional_game_goes_on_to_the_same_weights(tiny_store: SliceStore, tmp_path: Path) -> None:
    whole = train(configuration(), tiny_store, tmp_path / "whole", progress=False)
    tree = yaml.safe_load((whole.path / "config.yaml").read_text())
    tree["train"]["kimg"] = 0.008
    train(Config.from_tree(tree, "test"), tiny_store, tmp_path / "part", progress=False)
    again = train(configuration(), tiny_store, tmp_path / "part", resume=True, progress=False)
    names = ("generator", "discriminator", "ema")
    for name in names:
        files = [one.checkpoint("last") / f"{name}.safetensors" for one in (whole, again)]
        assert files[0].read_bytes() == files[1].read_bytes()


def store_of_squares(folder: Path) -> SliceStore:
    """Slices with a bright band whose height on the slice is the condition `level`."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    writer, rows = StoreWriter(folder), []
    for number in range(400):
        level = rng.uniform(4, 28)
        band = np.exp(-(((np.arange(32)[:, None] - level) / 3) ** 2)) * np.ones((1, 32)) * rng.uniform(0.7, 1)
        writer.add((band * 65535).round().astype(np.uint16))
        rows.append(
            {"patient": f"p{number // 10}", "series": f"s{number // 10}", "modality": "MR", "plane": "axial",
             "position_mm": np.nan, "spacing_mm": 1.0, "label": None, "split": "train", "lower": 0.0, "upper": 1.0,
             "unit": "a.u.", "level": level}
        )  # fmt: skip
    intensity = {"scheme": "percentile", "lower": 0.0, "upper": 1.0, "unit": "a.u.", "modality": "MR", "plane": "axial"}
    writer.finish(pd.DataFrame(rows), intensity | {"spacing_mm": 1.0}, {"source": "bands"})
    return SliceStore.open(folder)


@pytest.mark.slow
def test_the_value_asked_for_is_read_back_from_the_slice(tmp_path: Path) -> None:
    store = store_of_squares(tmp_path / "store")
    tree = {
        "data": {"size": 32, "conditions": ["level"]},
        "model": {"generator_width": 16, "discriminator_width": 16},
        "attention": {"resolutions": [8]},
        "augment": {"probability": 0.0},
        "train": {"kimg": 6, "minutes": None, "batch_size": 16, "validate_minutes": None, "ema_kimg": 0.5},
    }
    run = train(Config.from_tree(tree, "test"), store, tmp_path / "run", progress=False)
    asked = np.linspace(5, 27, 64)
    made = sample(run, tmp_path / "s", count=64, values={"level": asked.tolist()}).codes.astype(float)
    weight = made.mean(2) ** 4
    found = (weight * np.arange(32)).sum(1) / weight.sum(1)
    assert pd.Series(asked).corr(pd.Series(found), method="spearman") > 0.9


def test_augmentation_moves_the_slice_and_leaves_the_value(
    tiny_store: SliceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real and synthetic slices are moved alike, and both come to the critic with the value of their unmoved slice."""
    config = configuration()
    part = tiny_store.split("train")
    batches = Batches(part, 32, 4, 0, of_run(describe(tiny_store, part, config)))
    gan = build(config, batches.conditions)
    seen: list[torch.Tensor] = []
    forward = gan.networks["discriminator"].forward

    def watch(images: torch.Tensor, told: Conditions) -> torch.Tensor:
        assert len(images) == len(told["position_mm"])
        seen.append(told["position_mm"])
        return torch.as_tensor(forward(images, told))

    monkeypatch.setattr(gan.networks["discriminator"], "forward", watch)
    game = Players(config, gan, batches)
    game.play(0.0)
    values = batches(0)[1]["position_mm"]
    assert len(seen) >= 3
    # The critic's own move sees real and synthetic slices in one pass, each with the values in order.
    assert all(torch.equal(one, values.repeat(len(one) // len(values))) for one in seen)

"""The classifier that is trained end to end: what it learns, what validation chooses, what is never used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.tiny import tiny_config
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.intensity import codes_to_unit
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import EncoderNetwork
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train
from medattngan.stages.utility import arms as the_arms
from medattngan.stages.utility.arms import BOTH, CLASSICAL, REAL, SHARES, STRENGTHS, SYNTHETIC, Judges, arms
from medattngan.stages.utility.end_to_end import _require_other, end_to_end
from medattngan.stages.utility.filtered import copies, keep
from medattngan.stages.utility.network import Labelled, Recipe, chances, cross_entropy, fit

TRAIN = {"kimg": 0.032, "minutes": None, "batch_size": 8, "validate_minutes": None}
CONFIG = tiny_config(train=TRAIN, data={"conditional": True})


def blobs(store: SliceStore, split: str) -> Labelled:
    part = store.split(split)
    images = torch.stack([torch.from_numpy(part.unit(i))[None] for i in range(len(part))])
    return Labelled(images, torch.from_numpy((part.index["label"] == "small").to_numpy(np.int64)))


@pytest.mark.slow
def test_a_classifier_learns_what_can_be_seen_and_leaves_the_global_generator_alone(tiny_store: SliceStore) -> None:
    before = torch.get_rng_state()
    network = fit(blobs(tiny_store, "train"), None, Recipe(classes=2, steps=25, seed=0))
    assert torch.equal(before, torch.get_rng_state())
    found = chances(network, blobs(tiny_store, "test").images)
    assert found.sum(1) == pytest.approx(np.ones(len(found)))
    assert (found.argmax(1) == blobs(tiny_store, "test").classes.numpy()).mean() > 0.9


@pytest.mark.slow
def test_a_share_of_synthetic_slices_is_what_the_classifier_is_shown(tiny_store: SliceStore) -> None:
    real = blobs(tiny_store, "train")
    lies = Labelled(real.images, 1 - real.classes)
    losses = [
        cross_entropy(fit(real, lies, Recipe(2, 25, 0, share=share)), blobs(tiny_store, "test"))
        for share in (0.0, 0.75)
    ]
    assert losses[1] > losses[0] + 0.3


@pytest.mark.parametrize("helps", ["classical", "synthetic", "nothing"])
def test_validation_chooses_what_helps_and_nothing_where_nothing_does(
    monkeypatch: pytest.MonkeyPatch, helps: str
) -> None:
    def loss(recipe: Recipe, _: Labelled) -> float:
        worth = {"classical": recipe.probability == STRENGTHS[0], "synthetic": recipe.share == SHARES[1]}
        return 1.0 - worth.get(helps, False) + 0.1 * (recipe.probability + recipe.share)

    monkeypatch.setattr(the_arms, "fit", lambda real, made, recipe: recipe)
    monkeypatch.setattr(the_arms, "cross_entropy", loss)
    monkeypatch.setattr(the_arms, "chances", lambda recipe, images: np.array([[recipe.probability, recipe.share]]))
    none = Labelled(torch.zeros(1, 1, 32, 32), torch.zeros(1, dtype=torch.long))
    found, chosen = arms(Judges(none, none.images), none, none, Recipe(2, 1, 0))
    strength, share = STRENGTHS[0] * (helps == "classical"), SHARES[1] * (helps == "synthetic")
    wanted = {REAL: [0, 0], CLASSICAL: [strength, 0], SYNTHETIC: [0, share], BOTH: [strength, share]}
    assert {arm: one[0].tolist() for arm, one in found.items()} == wanted
    assert {arm: [one["probability"], one["share"]] for arm, one in chosen.items()} == wanted


@pytest.fixture(scope="module")
def run(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(CONFIG, tiny_store, tmp_path_factory.mktemp("gan") / "run", progress=False)


def test_a_planted_copy_is_left_out_and_others_are_not(tiny_store: SliceStore) -> None:
    torch.manual_seed(0)
    network = EncoderNetwork(32).eval()
    real, held_out = tiny_store.split("train"), tiny_store.split("val")
    noise = np.random.default_rng(0).integers(0, 65535, (3, 32, 32)).astype(np.uint16)
    codes = np.concatenate([real.read([5, 17]), noise])
    table = pd.DataFrame({"label": ["small"] * len(codes)})
    flagged = copies(Samples(codes, table, {}, {}), real, held_out, network, rate=0.3)
    assert flagged.tolist() == [True, True, False, False, False]


def test_the_likeliest_of_what_is_no_copy_is_kept(run: Run, tmp_path: Path) -> None:
    made = sample(run, tmp_path / "samples", count=12, label="small", checkpoint="last", progress=False)
    flagged = np.zeros(12, bool)
    best = keep(made, flagged, run, 3)
    flagged[[row for row in range(12) if torch.equal(best[0, 0], torch.from_numpy(unit(made, row)))]] = True
    without = keep(made, flagged, run, 3)
    assert torch.equal(without[:2], best[1:])
    with pytest.raises(UserError, match="only 11 may be used, where 12 are wanted"):
        keep(made, flagged, run, 12)


def unit(samples: Samples, row: int) -> np.ndarray:
    return codes_to_unit(np.array(samples.codes[row]))


@pytest.mark.slow
def test_the_study_chooses_scores_and_goes_on_where_it_stopped(tiny_store: SliceStore, tmp_path: Path) -> None:
    out, options = tmp_path / "out", {"steps": 4, "amount": 2, "encoder_kimg": 0.1, "false_positives": 0.3}
    asked = {"per_class": [4], "seeds": 2, "pretrain_minutes": 0.005, "progress": False, **options}
    results = end_to_end(CONFIG, tiny_store, out, **asked)
    scores = results["4 pretrained"]["auc"]
    assert list(scores["arms"]) == [REAL, CLASSICAL, SYNTHETIC, BOTH]
    assert f"{BOTH} - {CLASSICAL}" in scores["differences"]
    assert [set(one) for one in results["4 pretrained"]["chosen"]] == [{REAL, CLASSICAL, SYNTHETIC, BOTH}] * 2
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert end_to_end(CONFIG, tiny_store, out, **asked) == results
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == before
    assert not list(out.glob("*/samples"))
    with pytest.raises(UserError, match="other settings"):
        end_to_end(CONFIG, tiny_store, out, **{**asked, "steps": 5})
    assert json.loads((out / "utility.json").read_text())["test_patients"] == 2


def test_too_few_validation_slices_to_tell_copies_by_are_a_sentence_of_the_command(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    CONFIG.save(tmp_path / "toy.yaml")
    words = ["utility", tmp_path / "toy.yaml", "--data", tiny_store.path, "-o", tmp_path / "out", "--end-to-end"]
    words += ["--per-class", 2, "--seeds", 1, "--steps", 2, "--test-data", tiny_store.path]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, UserError)
    assert "false positives need 39 held-out slices" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_split_without_a_class_is_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    lacking = tiny_store.select(~((tiny_store.index["split"] == "val") & (tiny_store.index["label"] == "small")))
    with pytest.raises(UserError, match="validation and test need the same, two or more"):
        end_to_end(CONFIG, lacking, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_store_to_test_on_is_of_other_patients_and_seen_alike(tiny_store: SliceStore) -> None:
    swapped = tiny_store.select(np.ones(len(tiny_store), bool))
    swapped.index = tiny_store.index.assign(split=tiny_store.index["split"].replace({"test": "train", "train": "test"}))
    with pytest.raises(UserError, match=r"^8 test patients of .* are training or validation patients"):
        _require_other(tiny_store, swapped, 32)
    with pytest.raises(UserError, match=r"slices of 32 px, fewer than data\.size 64"):
        _require_other(tiny_store, tiny_store, 64)
    _require_other(tiny_store, tiny_store, 32)


def test_conditions_that_no_label_tells_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    told = tiny_config(train=TRAIN, data={"conditional": True, "conditions": ["text"]})
    with pytest.raises(UserError, match="leave text out"):
        end_to_end(told, tiny_store, tmp_path / "out")


@pytest.mark.slow
def test_slices_of_a_run_with_positions_are_kept_by_what_they_were_told(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = tiny_config(train=TRAIN, data={"conditional": True, "conditions": ["position_mm"]})
    run = train(config, tiny_store, tmp_path / "run", progress=False)
    made = sample(run, tmp_path / "samples", count=4, label="small", checkpoint="last", progress=False)
    assert keep(made, np.zeros(4, bool), run, 3).shape == (3, 1, 32, 32)

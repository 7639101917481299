"""Evaluation from images on disk to scores.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.data.store import SliceStore
from medattngan.external.open import Synthetic
from medattngan.extractors.table import load_extractor
from medattngan.metrics import METRICS
from medattngan.metrics.sets import Sides
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.evaluate.real_sets import THIRD_OF_VOLUME, choose_real, divide_real, with_third_of_volume
from medattngan.stages.evaluate.scoring import _divide
from medattngan.statistics.bootstrap import plan_bootstrap

EXTRACTOR = "efficientnet-lite0@128"


def write_samples(store: SliceStore, path: Path, count: int, *, noise: float = 0.0) -> Path:
    """Training slices with noise, as .npy, standing in for a generator's."""
    train = store.split("train")
    images = np.stack([train.unit(i) for i in range(count)])
    images = images + np.random.default_rng(0).normal(0, noise, images.shape).astype(np.float32) if noise else images
    np.save(path, np.clip(images, -1, 1))
    return path


@pytest.fixture(scope="module")
def scored(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("scored")
    samples = write_samples(tiny_store, folder / "noisy.npy", 30, noise=0.3)
    scores = evaluate(samples, tiny_store, folder / "scores", extractor=EXTRACTOR)
    return folder, scores


def test_every_metric_is_scored_with_its_interval_and_floor(scored: tuple[Path, dict[str, Any]]) -> None:
    folder, scores = scored
    assert json.loads((folder / "scores" / "scores.json").read_text()) == scores
    extractor = load_extractor(EXTRACTOR)
    names = {m: m if METRICS[m].on == "images" else extractor.score_name(m) for m in METRICS}
    names["frd"] = "frd[radiomics-2d]"
    left_out = json.loads((folder / "scores" / "provenance.json").read_text())["left_out"]
    assert set(scores) == set(names.values()) - {names["kid_subsets"], names["ms_ssim_pairwise"]}
    assert "needs 1000 images" in left_out[names["kid_subsets"]]
    assert "176 px" in left_out["ms_ssim_pairwise"]
    for entry in scores.values():
        assert entry["ci95"][0] <= entry["value"] <= entry["ci95"][1]
        assert entry["n_real"] == entry["n_fake"] == 12
        assert isinstance(entry["floor"], float)
    assert f"fd[{EXTRACTOR}]" in scores


def test_noise_puts_synthetic_slices_farther_than_other_patients(scored: tuple[Path, dict[str, Any]]) -> None:
    distance = scored[1][f"fd[{EXTRACTOR}]"]
    assert distance["ratio"] > 1.5
    assert distance["ratio"] == pytest.approx(distance["value"] / distance["floor"], rel=1e-4)


def test_a_score_whose_floor_lies_about_0_has_no_ratio(scored: tuple[Path, dict[str, Any]]) -> None:
    assert {name for name, entry in scored[1].items() if "ratio" in entry} == {f"fd[{EXTRACTOR}]", "frd[radiomics-2d]"}


def test_figures_and_provenance_lie_beside_the_scores(scored: tuple[Path, dict[str, Any]]) -> None:
    folder = scored[0] / "scores"
    assert {path.name for path in folder.iterdir()} == {
        "scores.json", "provenance.json", "contact_sheet.png", "scores.png", "seal.json",
    }  # fmt: skip
    assert all(len((folder / name).read_bytes()) > 5000 for name in ("contact_sheet.png", "scores.png"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(
    scored: tuple[Path, dict[str, Any]], tiny_store: SliceStore, tmp_path: Path
) -> None:
    evaluate(str(scored[0] / "noisy.npy"), tiny_store, str(tmp_path / "again"), extractor=EXTRACTOR)
    for path in (scored[0] / "scores").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@pytest.mark.slow
def test_scores_have_the_same_bytes_whatever_the_number_of_workers(
    scored: tuple[Path, dict[str, Any]], tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for workers in (1, 2):
        monkeypatch.setenv("MEDATTNGAN_CACHE", str(tmp_path / f"cache-{workers}"))
        samples = scored[0] / "noisy.npy"
        evaluate(samples, tiny_store, tmp_path / str(workers), extractor=EXTRACTOR, workers=workers)
    for path in (scored[0] / "scores").iterdir():  # made with one thread, as workers are
        assert (
            path.read_bytes() == (tmp_path / "1" / path.name).read_bytes() == (tmp_path / "2" / path.name).read_bytes()
        )


@pytest.mark.slow
def test_real_slices_of_other_patients_score_about_the_floor(tiny_store: SliceStore, tmp_path: Path) -> None:
    samples = write_samples(tiny_store, tmp_path / "real.npy", 48)
    scores = evaluate(samples, tiny_store, tmp_path / "scores", extractor=EXTRACTOR)
    assert scores[f"fd[{EXTRACTOR}]"]["ratio"] < 1.5


@pytest.mark.slow
def test_every_score_says_that_colour_was_made_grey_and_another_size_resized(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    (tmp_path / "samples").mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (12, 24, 24, 3)).astype(np.uint8)):
        Image.fromarray(pixels).save(tmp_path / "samples" / f"{number}.png")
    scores = evaluate(tmp_path / "samples", tiny_store, tmp_path / "scores", extractor=EXTRACTOR)
    for entry in scores.values():
        colour, size, few = entry["warnings"]
        assert "12 samples in colour" in colour
        assert "24 px were resized" in size
        assert few.startswith("the interval is over")


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_two_sets_of_the_floor_share_no_patient_and_have_one_count(tiny_store: SliceStore, split: str) -> None:
    sets = choose_real(tiny_store, split, 1000, np.random.default_rng(0))
    assert len(sets.reference) == len(sets.other) == len(sets.patients) == {"train": 24, "val": 12, "test": 12}[split]
    others = {image.tobytes() for image in sets.other[:].numpy()}
    assert not others & {image.tobytes() for image in sets.reference[:].numpy()}
    allowed = set(tiny_store.split(split).index["patient"])
    assert set(sets.patients) <= allowed


def test_a_store_of_one_split_makes_its_floor_from_two_halves(tiny_store: SliceStore) -> None:
    sets = choose_real(tiny_store.split("train"), "train", 1000, np.random.default_rng(0))
    assert "two halves" in sets.described
    assert len(sets.reference) == len(sets.other) == 24
    assert len(set(sets.patients)) == 4


@pytest.mark.parametrize(("patients", "notes"), [(18, ["9 patients"]), (20, [])])
def test_an_interval_over_few_patients_says_of_how_many(patients: int, notes: list[str]) -> None:
    images = torch.rand(40, 1, 8, 8) * 2 - 1
    sets = divide_real(images, [str(i % patients) for i in range(40)], 20, np.random.default_rng(0))
    assert len(sets.notes) == len(notes)
    assert all(said in note for said, note in zip(notes, sets.notes, strict=True))


def test_too_few_slices_is_a_sentence_with_the_number_needed(tiny_store: SliceStore, tmp_path: Path) -> None:
    samples = write_samples(tiny_store, tmp_path / "few.npy", 3)
    with pytest.raises(UserError, match="10 synthetic slices"):
        evaluate(samples, tiny_store, tmp_path / "scores", extractor=EXTRACTOR)
    one_patient = tiny_store.select(tiny_store.index["patient"] == "patient-10")
    samples = write_samples(tiny_store, tmp_path / "enough.npy", 20)
    with pytest.raises(UserError, match="10 real slices"):
        evaluate(samples, one_patient, tmp_path / "scores", extractor=EXTRACTOR)
    assert not (tmp_path / "scores").exists()


def test_a_negative_seed_is_refused_before_anything_is_read(tiny_store: SliceStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--seed is -1"):
        evaluate(tmp_path / "unread.npy", tiny_store, tmp_path / "scores", seed=-1)


def test_scores_are_not_written_over_others(tiny_store: SliceStore, tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        evaluate(tmp_path / "unread.npy", tiny_store, tmp_path / "scores", extractor=EXTRACTOR)


@pytest.mark.slow
def test_every_score_names_the_stratum_that_falls_shortest(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medattngan.stages.evaluate.strata.LEAST_IN_STRATUM", 7)
    samples = write_samples(tiny_store, tmp_path / "noisy.npy", 24, noise=0.1)
    scores = evaluate(samples, tiny_store, tmp_path / "scores", extractor=EXTRACTOR, split="train")
    left_out = json.loads((tmp_path / "scores" / "provenance.json").read_text())["left_out"]
    for name, entry in scores.items():
        assert set(entry["strata"]["label"]) == {"small", "large"}, name
        found = entry["worst_stratum"]
        assert found.items() >= entry["strata"][found["by"]][found["stratum"]].items()
        assert found["ci95"][0] <= found["value"] <= found["ci95"][1]
    measured = {(by, name) for by, strata in scores[f"fd[{EXTRACTOR}]"]["strata"].items() for name in strata}
    # Each of 2 labels, 3 thirds of the volume and 3 of brightness is either measured or has its sentence.
    assert len(measured) + sum(key.startswith("by ") for key in left_out) == 8
    assert all("needs 7 slices a side" in words for key, words in left_out.items() if key.startswith("by "))


def test_slices_without_positions_are_not_divided_by_them(tiny_store: SliceStore) -> None:
    index = tiny_store.index.assign(position_mm=float("nan"))
    assert set(with_third_of_volume(index)[THIRD_OF_VOLUME]) == {""}
    thirds = with_third_of_volume(tiny_store.index).groupby("position_mm")[THIRD_OF_VOLUME].unique()
    assert [list(names) for names in thirds] == [["low"], ["low"], ["middle"], ["middle"], ["high"], ["high"]]


@pytest.mark.parametrize("task", ["--task volumes --limit 5", "--task segmentation --text", "--steps 5"])
def test_options_that_would_be_passed_over_are_refused(tmp_path: Path, task: str) -> None:
    words = ["evaluate", str(tmp_path), "--data", str(tmp_path), "--out", str(tmp_path / "out"), *task.split()]
    ran = CliRunner().invoke(app, words)
    assert isinstance(ran.exception, UserError)
    assert "has no meaning for" in str(ran.exception)


def test_labels_of_samples_count_though_no_real_slice_of_the_choice_has_one(tiny_store: SliceStore) -> None:
    sets = choose_real(tiny_store, "test", 1000, np.random.default_rng(0))
    known = sorted(sets.labels)
    rows = sets.rows.assign(label=known[0])
    images = Sides(sets.reference, sets.reference, sets.other)
    flat = Sides(*(one[:].flatten(1) for one in (images.reference, images.fake, images.other)))
    fake = Synthetic(sets.reference, [known[-1]] * len(sets.reference), [])
    divided, _ = _divide(replace(sets, rows=rows), fake, {"images": images, "features": flat})
    assert len(known) == 2
    assert set(divided["label"].fake) == {known[-1]}


def test_slices_of_one_volume_are_drawn_together(tiny_store: SliceStore) -> None:
    volumes = ["0"] * 3 + ["1"] * 3 + ["2"] * 3
    times = plan_bootstrap(["a", "b", "c"], 9, seed=0, volumes=volumes).fake.view(-1, 3, 3)
    assert (times == times[:, :, :1]).all()
    assert (times.sum((1, 2)) == 9).all()
    taken = Synthetic(torch.zeros(9, 1, 4, 4), None, [], volumes).take([8, 0]).resized(4)
    assert taken.volumes == ["2", "0"]

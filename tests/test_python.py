"""The package at a Python prompt: one discovers what there is, and objects do where paths do."""

from __future__ import annotations

import inspect
import pickle
import pydoc
import rlcompleter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import tiny_config

import medattngan as mg
from medattngan.cli.app import VERBS
from medattngan.data.affine import PLANES, slice_affine
from medattngan.scans.geometry.planes import stands_upright

TRAIN = {"kimg": 0.016, "minutes": None, "batch_size": 4, "log_kimg": 1, "grid_kimg": 10, "validate_minutes": None}
RADIOMICS = {"extractor": "radiomics-2d"}


@pytest.fixture(scope="module")
def run(tiny_store: mg.SliceStore, tmp_path_factory: pytest.TempPathFactory) -> mg.Run:
    config = tiny_config(train=TRAIN, data={"conditional": True, "conditions": ["position_mm"]})
    return mg.train(config, tiny_store, tmp_path_factory.mktemp("python") / "run", progress=False)


def test_every_verb_of_the_command_line_is_listed_completed_and_explained() -> None:
    for verb in VERBS:
        name = verb.__name__
        assert name in dir(mg)
        assert rlcompleter.Completer({"mg": mg}).complete(f"mg.{name}", 0) is not None
        assert len(inspect.getdoc(getattr(mg, name)) or "") > 40
    assert "train(config: Config | str | Path" in pydoc.plain(pydoc.render_doc(mg)).replace("'", "")


def test_generate_gives_in_memory_what_sample_writes(run: mg.Run, tmp_path: Path) -> None:
    written = mg.sample(run, tmp_path / "samples", count=20, seed=4, values={"position_mm": 10.0})
    made = mg.generate(run, 20, seed=4, position_mm=10.0)
    assert np.array_equal(made.codes, written.codes)
    assert made.table.equals(written.table)
    assert made.unit().shape == (20, 1, 32, 32)
    assert list(mg.generate(run.path, 2, label="small", position_mm=[3.0, 9.0]).table["position_mm"]) == [3.0, 9.0]
    with pytest.raises(mg.UserError, match="was trained without age"):
        mg.generate(run, 2, age=60)


@pytest.mark.slow
def test_arrays_tensors_and_lists_score_alike(tiny_store: mg.SliceStore) -> None:
    real = torch.from_numpy(np.stack([tiny_store.unit(i) for i in range(len(tiny_store))]))
    fake, whose = real.flip(0)[:30] * 0.9, tiny_store.index["patient"]
    first = mg.evaluate(real, fake, patients=whose, **RADIOMICS)  # type: ignore[arg-type]
    second = mg.evaluate(list(real.numpy()), fake.unsqueeze(1), patients=whose, **RADIOMICS)  # type: ignore[arg-type]
    assert first == second
    assert {"value", "ci95", "floor", "n_real", "n_fake"} <= set(first["ssim_pairwise"])
    assert first["ssim_pairwise"]["warnings"] == ["the interval is over 6 patients; of fewer than 10 it is too narrow"]
    alone = mg.evaluate(real, fake, **RADIOMICS)["ssim_pairwise"]["warnings"]  # type: ignore[arg-type]
    assert "say whose they are with patients" in alone[0]


def test_the_two_halves_of_real_arrays_share_no_patient() -> None:
    from medattngan.stages.evaluate.real_sets import divide_real

    images, whose = torch.zeros(60, 1, 8, 8), [f"p{i % 7}" for i in range(60)]
    halves = divide_real(images, whose, 100, np.random.default_rng(0))
    assert set(halves.rows["patient"]).isdisjoint(halves.other_rows["patient"])
    assert len(halves.reference) == len(halves.other) >= 20


@pytest.mark.slow
def test_samples_in_memory_score_like_their_folder(run: mg.Run, tiny_store: mg.SliceStore, tmp_path: Path) -> None:
    samples = mg.sample(run, tmp_path / "samples", count=12)
    by_path = mg.evaluate(tmp_path / "samples", tiny_store.path, tmp_path / "scores", **RADIOMICS)  # type: ignore[arg-type]
    assert mg.evaluate(samples, tiny_store, **RADIOMICS) == by_path  # type: ignore[arg-type]
    assert mg.evaluate(mg.generate(run, 12), tiny_store, **RADIOMICS) == by_path  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mg.train(3, "store", "out"), r"is of type int; give what mg\.Config\.load"),  # type: ignore[arg-type]
        (lambda: mg.train("compact", 3, "out"), r"is of type int; give what mg\.SliceStore\.open"),  # type: ignore[arg-type]
        (lambda: mg.train("compct", "store", "out"), "or the name of one: attention_generator, attngan, compact"),
        (lambda: mg.sample(mg.Config(), "out", count=1), r"is of type Config; give what mg\.Run\.open"),  # type: ignore[arg-type]
        (lambda: mg.generate(3, 1), r"is of type int; give what mg\.Run\.open"),  # type: ignore[arg-type]
        (lambda: mg.evaluate(mg.Config(), "store"), r"is of type Config; give what mg\.sample or mg\.generate"),  # type: ignore[arg-type]
        (lambda: mg.evaluate(np.zeros((9, 3, 8, 8)), np.zeros((9, 8, 8))), r"give slices of one channel"),
        (lambda: mg.audit(mg.Config(), "store", "out"), r"is of type Config; give what mg\.sample"),  # type: ignore[arg-type]
        (lambda: mg.export(mg.Config(), "out"), r"is of type Config; give what mg\.sample"),  # type: ignore[arg-type]
        (lambda: mg.inspect(3), r"give what mg\.SliceStore\.open"),  # type: ignore[arg-type]
        (lambda: mg.Samples.of(3), r"give what mg\.Samples\.open"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_type_is_answered_with_the_right_call(
    call: Any, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mg.UserError, match=sentence):
        call()


def test_shipped_configurations_are_listed_and_trained_by_name() -> None:
    assert {"compact", "sagan", "dcgan"} <= set(mg.configs())
    assert mg.Config.load("compact") == mg.Config.load("configs/compact.yaml")
    assert all(line and "\n" not in line for line in mg.configs().values())


def test_a_file_of_the_same_name_comes_before_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compact").write_text("train:\n  seed: 77\n")
    monkeypatch.chdir(tmp_path)
    assert mg.Config.load("compact").train.seed == 77


def test_pytorch_and_monai_take_a_store_for_a_dataset(tiny_store: mg.SliceStore) -> None:
    from monai.data import DataLoader, Dataset, MetaTensor
    from monai.transforms import Compose, RandFlipd, ScaleIntensityRanged, Spacingd
    from torch.utils.data import DataLoader as TorchLoader

    part = tiny_store.split("train")
    assert isinstance(part, torch.utils.data.Dataset)
    batch = next(iter(TorchLoader(part, batch_size=4)))
    assert batch["image"].shape == (4, 1, 32, 32)
    assert batch["position_mm"].tolist() == [0.0, 5.0, 10.0, 15.0]
    transform = Compose(
        [
            ScaleIntensityRanged("image", 0, 1200, -1, 1), RandFlipd("image", prob=1.0, spatial_axis=0),
            Spacingd("image", pixdim=(8.0, 8.0)),
        ]
    )  # fmt: skip
    batch = next(iter(DataLoader(Dataset(part, transform), batch_size=4)))
    assert isinstance(batch["image"], MetaTensor)
    assert batch["image"].shape == (4, 1, 16, 16)
    assert batch["image"].pixdim[0].tolist()[:2] == [8.0, 8.0]


def test_an_item_is_the_slice_with_its_place_and_what_is_known_of_it(tiny_store: mg.SliceStore) -> None:
    item = tiny_store[8]
    assert torch.equal(item["image"].as_tensor()[0], torch.from_numpy(tiny_store.physical(8)))
    assert item["image"].pixdim.tolist() == [4.0, 4.0, 4.0][: len(item["image"].pixdim)]
    assert tiny_store.labels[item["label"]] == tiny_store.index["label"][8] == "large"
    assert item["position_mm"] == 10.0
    assert torch.equal(tiny_store[-1]["image"].as_tensor(), tiny_store[71]["image"].as_tensor())
    assert len(list(tiny_store.select(tiny_store.index["position_mm"] == 0))) == 12
    with pytest.raises(IndexError):
        tiny_store[72]


def test_a_label_keeps_its_number_where_a_split_lacks_the_others(tiny_store: mg.SliceStore) -> None:
    only_small = tiny_store.select(tiny_store.index["label"] == "small")
    assert {item["label"] for item in only_small} == {tiny_store.labels.index("small")} == {1}


def test_a_pickled_store_takes_its_pixels_along_by_path(tiny_store: mg.SliceStore) -> None:
    again = pickle.loads(pickle.dumps(tiny_store))  # noqa: S301
    assert len(pickle.dumps(tiny_store)) < tiny_store.all_codes().nbytes / 4
    assert np.array_equal(again.codes(5), tiny_store.codes(5))


@pytest.mark.parametrize("plane", PLANES)
def test_the_affine_of_a_slice_stands_as_its_plane_does(plane: str) -> None:
    affine = slice_affine(plane, 2.0, 9, position_mm=30.0)
    assert stands_upright(affine, plane)
    centre = affine @ [4, 4, 0, 1]
    assert sorted(np.abs(centre[:3])) == [0, 0, 30]
    assert np.allclose(np.linalg.norm(affine[:3, :3], axis=0), 2)


def test_every_noun_shows_itself(run: mg.Run, tiny_store: mg.SliceStore) -> None:
    samples = mg.generate(run, 3)
    assert "train 48, val 12, test 12" in repr(tiny_store)
    assert "large 36, small 36" in tiny_store._repr_html_()
    assert "3 synthetic of 32 x 32 px" in repr(samples)
    assert "48 slices of 8 patients" in repr(run)
    assert "label, position_mm" in repr(run)
    assert repr(mg.Config()) == str(mg.Config())
    assert "train.kimg      2000.0" in repr(mg.Config.load("compact"))
    for noun in (tiny_store, samples, run):
        assert "data:image/png;base64," in noun._repr_html_()
        assert "<table>" in noun._repr_html_()
    assert "patient-00" not in repr(tiny_store) + tiny_store._repr_html_()

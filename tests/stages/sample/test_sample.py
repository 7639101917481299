"""Sampling is a function of run, seed and number alone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.memory import peak_bytes

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.models.styles import Styled, mean_style, truncated
from medattngan.stages.sample.sample import generate, latents, load_generator, sample
from medattngan.stages.train.train import train


@pytest.fixture(scope="module")
def run(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    tree = {
        "data": {"size": 32, "conditional": True},
        "model": {"generator_width": 8, "discriminator_width": 8, "z_dim": 8},
        "attention": {"resolutions": [8]},
        "train": {"kimg": 0.016, "minutes": None, "batch_size": 4, "validate_minutes": None},
    }
    path = tmp_path_factory.mktemp("sampling") / "run"
    return train(Config.from_tree(tree, "test"), tiny_store, path, progress=False)


def test_the_same_seed_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        sample(run, tmp_path / name, count=5, seed=7)
    for file in ("pixels.npy", "samples.parquet", "intensity.json", "provenance.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_more_slices_begin_with_the_same_ones(run: Run, tmp_path: Path) -> None:
    few = sample(run, tmp_path / "few", count=3, seed=7, label=run.store["labels"][0])
    many = sample(run, tmp_path / "many", count=21, seed=7, label=run.store["labels"][0])
    other = sample(run, tmp_path / "other", count=3, seed=8, label=run.store["labels"][0])
    assert np.array_equal(few.codes, many.codes[:3])
    assert not np.array_equal(few.codes, other.codes)


def test_values_come_back_in_the_units_of_the_store(run: Run, tiny_store: SliceStore, tmp_path: Path) -> None:
    samples = sample(run, tmp_path / "s", count=2)
    assert samples.map == tiny_store.map
    values = samples.physical(0)
    assert tiny_store.map.lower <= values.min() <= values.max() <= tiny_store.map.upper


def test_sampling_needs_the_run_folder_alone(run: Run, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(run.path, moved)
    sample(moved, tmp_path / "s", count=2, seed=1)
    again = sample(run, tmp_path / "t", count=2, seed=1)
    assert np.array_equal(Samples.open(tmp_path / "s").codes, again.codes)


def test_labels_are_drawn_as_often_as_they_were_seen(run: Run, tmp_path: Path) -> None:
    table = sample(run, tmp_path / "s", count=200, seed=0).table
    share = np.asarray(run.store["label_counts"]) / sum(run.store["label_counts"])
    drawn = table["label"].value_counts(normalize=True)[run.store["labels"]].to_numpy()
    assert np.abs(drawn - share).max() < 0.12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "--count is 0"),
        ({"count": 1, "truncation": 0.0}, "--truncation is 0.0"),
        ({"count": 1, "label": "nonsense"}, "not among the labels"),
        ({"count": 1, "seed": -1}, "--seed is -1"),
        ({"count": 1, "seed": 2**32}, "--seed is 4294967296; give one below"),
    ],
)
def test_what_cannot_be_sampled_is_refused_without_a_trace(
    run: Run, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        sample(run, tmp_path / "s", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("truncation", [0.25, 0.5])
def test_truncation_draws_styles_towards_the_mean_of_their_own_conditions(run: Run, truncation: float) -> None:
    generator = load_generator(run, run.checkpoint("last"))
    assert isinstance(generator, Styled)
    z, told = latents(0, 0, 6, generator.z_dim), {"label": torch.tensor([0, 1, 0, 1, 0, 1])}
    middle = mean_style(generator, told, 6)
    near = truncated(generator, z, told, truncation)
    torch.testing.assert_close(near - middle, truncation * (generator.style(z, told) - middle))
    assert torch.equal(middle[0], middle[2])
    assert not torch.equal(middle[0], middle[1])


def test_a_generator_without_styles_is_truncated_by_its_latents() -> None:
    scale = torch.nn.Linear(4, 4)

    def drawn(z: torch.Tensor, told: object) -> torch.Tensor:
        return scale(z)[:, None, None].tanh()

    z = torch.randn(3, 4)
    assert torch.equal(generate(drawn, z, truncation=0.5), generate(drawn, z * 0.5))  # type: ignore[arg-type]


def test_memory_does_not_grow_with_the_count(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["medattngan.stages.sample.sample"], "BLOCK_PIXELS", 64 * 32**2)
    sample(run, tmp_path / "warm", count=128)
    few, many = (peak_bytes(lambda n=n: sample(run, tmp_path / str(n), count=n)) for n in (64, 768))
    assert many - few < 8_000_000  # all of them would take 20 MB more


def test_more_slices_than_the_disk_has_room_for_are_refused_before_one_is_drawn(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2000000000000 slices take about 4\.35 PB and .* are free"):
        sample(run, tmp_path / "samples", count=2 * 10**12)
    assert list(tmp_path.iterdir()) == []


def test_a_block_does_not_show_in_the_bytes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sample(run, tmp_path / "whole", count=45, seed=3)
    said: list[str] = []
    monkeypatch.setattr("medattngan.core.room.SAID_FROM", 1)
    monkeypatch.setattr(sys.modules["medattngan.stages.sample.sample"], "BLOCK_PIXELS", 1)
    parts = sample(run, tmp_path / "parts", count=45, seed=3, say=said.append)
    assert np.array_equal(whole.codes, parts.codes)
    assert said[0].startswith("45 slices take about 97.9 kB and ")
    for file in ("pixels.npy", "samples.parquet", "provenance.json"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()

"""Planted lesions are where they are said to be; a score is judged by what finds them and what it must not see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny import tiny_config

from medattngan.core.plots import is_signed
from medattngan.data.store import SliceStore
from medattngan.stages.encode.anomaly import _areas, anomalies
from medattngan.stages.encode.encode import encode
from medattngan.stages.encode.lesions import CONTROLS, LESIONS, gaussian, lesion, noise, sharpness
from medattngan.stages.train.train import train


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def heads() -> torch.Tensor:
    """Bright discs on black, (6, 1, 64, 64)."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    inside = (rows - 32) ** 2 + (columns - 32) ** 2 < 24**2
    return torch.where(inside, 0.1, -1.0).expand(6, 1, 64, 64).clone()


@pytest.mark.parametrize("kind", LESIONS)
def test_a_lesion_is_a_disc_in_the_body_and_nothing_else_changes(kind: str) -> None:
    before = heads()
    after = LESIONS[kind](before, source())
    changed = (after - before).abs() > 0
    middle = ((after - before).abs() > 0.2).float()
    assert ((middle.sum((1, 2, 3)) >= 9) & (changed.sum((1, 2, 3)) < 90)).all()
    assert (before[changed & ((after - before).abs() > 0.29)] > -1).float().mean() > 0.7
    assert after.abs().max() <= 1
    places = {tuple(one.nonzero()[0].tolist()) for one in middle[:, 0]}
    assert len(places) == 6


def test_a_lesion_of_a_black_slice_is_somewhere() -> None:
    assert lesion(torch.full((2, 1, 32, 32), -1.0), source(), radius=0.1, step=0.5).amax((1, 2, 3)).gt(-0.6).all()


def test_controls_change_every_slice_as_a_whole() -> None:
    before = (heads() + 0.2 * torch.randn(6, 1, 64, 64, generator=source(1))).clamp(-1, 1)
    for kind, change in CONTROLS.items():
        after = change(before, source())
        assert ((after - before).abs() > 1e-4).float().mean() > 0.5, kind
        assert after.shape == before.shape
    assert (sharpness(CONTROLS["blurred"](before, source())) < sharpness(before)).all()
    assert (sharpness(CONTROLS["sharpened"](before, source())) > sharpness(before)).all()


def test_the_noise_of_noise_is_its_deviation() -> None:
    flat = 0.05 * torch.randn(3, 1, 128, 128, generator=source())
    torch.testing.assert_close(noise(flat), torch.full((3,), 0.05), rtol=0.05, atol=0)
    assert sharpness(torch.ones(2, 1, 16, 16)).tolist() == [0, 0]
    torch.testing.assert_close(gaussian(flat, 2.0).mean(), flat.mean(), rtol=0, atol=2e-3)


def test_areas_are_one_half_where_nothing_changed_and_one_where_all_did() -> None:
    clean = {"score": np.arange(12.0)}
    patients = [f"p{i // 3}" for i in range(12)]
    same = _areas(clean, clean, patients, 0)["score"]
    assert same["auc"] == 0.5
    assert same["ci95"] == [0.5, 0.5]
    assert _areas(clean, {"score": clean["score"] + 100}, patients, 0)["score"]["auc"] == 1


@pytest.mark.slow
def test_a_search_writes_scores_curves_and_pictures(tiny_store: SliceStore, tmp_path: Path) -> None:
    short = {"kimg": 0.008, "minutes": None, "batch_size": 4, "validate_minutes": None, "accelerator": "cpu"}
    run = train(tiny_config("vae_gan", train=short), tiny_store, tmp_path / "run", progress=False)
    latents = encode(run, tiny_store, tmp_path / "latents", progress=False)
    made = anomalies(run, latents, tiny_store, tmp_path / "odd", progress=False)
    names = {path.name for path in made.path.iterdir()}
    assert names == {
        "anomalies.json", "anomalies.parquet", "oddest.png", "roc.png", "README.txt", "seal.json",
    }  # fmt: skip
    assert made.report["lesions"].keys() == LESIONS.keys()
    assert made.report["controls"].keys() == CONTROLS.keys()
    assert made.report["lesions"]["bright"].keys() == {"score", "pixels", "features", "peak", "sharpness", "noise"}
    assert made.report["of_patients"] is True
    assert len(made.sentences()) == 3
    for name in ("oddest.png", "roc.png"):
        assert is_signed((made.path / name).read_bytes()[:4096])

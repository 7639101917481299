"""A dynamic attention's choice is logged, and no other run has columns for it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from helpers.tiny import tiny_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from medattngan.core.config import Config
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.stages.train.train import train

EXPERTS = ("scaled_dot", "additive", "multi_head")


def trained(store: SliceStore, out: Path, kind: str) -> Run:
    tree = {
        "data": {"size": 32},
        "model": {"generator_width": 8, "discriminator_width": 8, "z_dim": 8},
        "attention": {"kind": kind, "resolutions": [8, 16], "heads": 2},
        "train": {"kimg": 0.016, "minutes": None, "batch_size": 4, "log_kimg": 0.008, "validate_minutes": None},
    }
    return train(Config.from_tree(tree, "test"), store, out, progress=False)


def logged(run: Run) -> list[dict[str, str]]:
    with (run.path / "metrics.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_shares_of_each_dynamic_attention_are_logged_and_sum_to_one(tiny_store: SliceStore, tmp_path: Path) -> None:
    run = trained(tiny_store, tmp_path / "run", "dynamic")
    rows = logged(run)
    assert len(rows) == 2
    board = EventAccumulator(str(run.path / "tensorboard")).Reload().Tags()["scalars"]
    for network in ("generator", "discriminator"):
        for number in (0, 1):
            names = [f"gate_{network}_{number}_{expert}" for expert in EXPERTS]
            assert set(names) <= set(board)
            for row in rows:
                assert sum(float(row[name]) for name in names) == pytest.approx(1, abs=1e-4)


def test_other_runs_have_no_such_columns(tiny_store: SliceStore, tmp_path: Path) -> None:
    assert not [name for name in logged(trained(tiny_store, tmp_path / "run", "additive"))[0] if "gate" in name]


def test_attentions_that_a_round_does_not_play_have_no_share(tiny_store: SliceStore, tmp_path: Path) -> None:
    keys = {
        "attention": {"kind": "dynamic", "resolutions": [8], "heads": 2},
        "train": {"kimg": 0.008, "minutes": None, "batch_size": 4, "log_kimg": 0.004, "validate_minutes": None},
    }
    began = train(tiny_config("vae_gan", **keys), tiny_store, tmp_path / "vae", progress=False)
    run = train(tiny_config("latent_flow", **keys), tiny_store, tmp_path / "flow", begin=began, progress=False)
    rows = logged(run)
    assert len(rows) == 2
    assert {row["gate_generator_0_additive"] for row in rows} == {""}

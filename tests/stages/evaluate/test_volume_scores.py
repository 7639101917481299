"""Volumes are judged against held-out patients, and those against others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.tiny_volumes import SIZE, SLICES, STEP_MM, ellipsoid, write_volume_store
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.evaluate.volumes import evaluate_volumes

DEPTH = 12


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return write_volume_store(tmp_path_factory.mktemp("volumes"))


def drawn(codes: np.ndarray) -> Samples:
    """(count, DEPTH, SIZE, SIZE) as samples that are volumes."""
    count = len(codes)
    number = np.arange(count * DEPTH)
    first = (SLICES - 1) * STEP_MM / 2 - STEP_MM * (DEPTH - 1) / 2
    table = pd.DataFrame(
        {
            "seed": 0, "label": pd.array([None] * len(number), "string"), "volume": number // DEPTH,
            "slice": number % DEPTH, "position_mm": first + STEP_MM * (number % DEPTH),
        }
    )  # fmt: skip
    intensity = {"lower": 0.0, "upper": 500.0, "unit": "a.u.", "modality": "MR", "plane": "axial", "spacing_mm": 4.0}
    about = {"count": count, "slices": DEPTH, "step_mm": STEP_MM, "centre_mm": 15.0, "stacked": True}
    return Samples(codes.reshape(-1, SIZE, SIZE), table, intensity, {"volumes": about})


@pytest.mark.slow
def test_honest_volumes_score_as_other_patients_do_and_both_faults_show(store: SliceStore, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    honest = np.stack([ellipsoid(rng)[2 : 2 + DEPTH] for _ in range(3)])
    still = np.repeat(honest[:, 6:7], DEPTH, 1)
    jumping = np.stack([[honest[(i + j) % 3, j] for j in range(DEPTH)] for i in range(3)])
    found = {
        name: evaluate_volumes(drawn(codes), store, tmp_path / name, extractor="efficientnet-lite0@128")
        for name, codes in (("honest", honest), ("still", still), ("jumping", jumping))
    }
    gaps = {name: one["likeness"]["2 mm"]["gap"] for name, one in found.items()}
    assert gaps["jumping"] < -0.05 < gaps["honest"] < 0.05 < gaps["still"]
    for name in ("still", "jumping"):
        assert found[name]["power_gap"]["value"] > 2 * found["honest"]["power_gap"]["value"]
        fd = "fd_coronal[efficientnet-lite0@128]"
        assert found[name][fd]["value"] > 1.5 * found["honest"][fd]["value"]
    written = json.loads((tmp_path / "honest" / "volumes.json").read_text())
    assert written == found["honest"]
    assert (written["volumes"], written["patients"], written["slices"]) == (3, 3, DEPTH)
    assert (tmp_path / "honest" / "through.png").is_file()


def test_slices_by_themselves_and_too_few_volumes_are_refused(store: SliceStore, tmp_path: Path) -> None:
    two = drawn(np.stack([ellipsoid(np.random.default_rng(i))[:DEPTH] for i in range(2)]))
    with pytest.raises(UserError, match="it takes 3 volumes a side or more; there are 2 synthetic"):
        evaluate_volumes(two, store, tmp_path / "out")
    plain = replace(two, table=two.table.drop(columns="volume"))
    with pytest.raises(UserError, match="for samples that are volumes"):
        evaluate_volumes(plain, store, tmp_path / "out")


@pytest.mark.slow
def test_the_command_line_says_what_was_found(store: SliceStore, tmp_path: Path) -> None:
    drawn(np.stack([ellipsoid(np.random.default_rng(i))[:DEPTH] for i in range(3)])).save(tmp_path / "samples")
    words = ["evaluate", tmp_path / "samples", "--data", store.path, "--out", tmp_path / "scores", "--task", "volumes"]
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == 0, ran.output
    assert "SSIM of slices 2 mm" in ran.output
    assert "fd_sagittal[efficientnet-lite0]" in ran.output

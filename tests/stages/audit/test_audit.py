"""The verb from samples to verdict."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.audit_cases import SLICES, texture, write_samples, write_texture_store
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.audit.audit import audit
from medattngan.stages.audit.sentences import summary
from medattngan.stages.encoder.encoder import encoder
from medattngan.stages.export.export import flagged_rows

COPIES, NEW, RATE = 8, 16, 0.05


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, an encoder, samples of which the first COPIES are training slices, and their audit."""
    folder = tmp_path_factory.mktemp("audited")
    store = write_texture_store(folder / "store")
    encoder(store, folder / "encoder", kimg=0.3)
    rng = np.random.default_rng(5)
    copies = np.stack([store.codes(SLICES * (i % 3)) for i in range(COPIES)])
    codes = np.concatenate([copies, np.stack([texture(rng) for _ in range(NEW)])])
    write_samples(folder / "samples", store, codes)
    np.save(folder / "foreign.npy", codes)
    audit(folder / "samples", store, folder / "audit", encoder=folder / "encoder", planted=6, false_positives=RATE)
    return folder


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "audit" / "audit.json").read_text())
    return report


def test_samples_that_cannot_be_given_the_verdict_are_refused_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = write_texture_store(tmp_path / "store")
    write_samples(tmp_path / "samples", store, np.stack([store.codes(0)]))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(UserError, match="cannot be written"):
        audit(tmp_path / "samples", store, tmp_path / "audit", planted=6, false_positives=RATE)
    assert not (tmp_path / "audit").exists()


def test_copies_are_flagged_and_new_slices_are_not(folder: Path) -> None:
    table = pd.read_parquet(folder / "audit" / "audit.parquet")
    assert table["flagged"].head(COPIES).all()
    assert table["flagged"].tail(NEW).sum() <= 0.25 * NEW  # at a rate of 5 %, one or two come by chance
    assert (table["flagged"] == (table["score"] < 1)).all()
    assert table["nearest_row"].head(COPIES).tolist() == [SLICES * (i % 3) for i in range(COPIES)]


def test_the_report_counts_what_was_flagged_and_whom_it_shows(folder: Path) -> None:
    report = report_of(folder)
    table = pd.read_parquet(folder / "audit" / "audit.parquet")
    assert report["flagged"]["count"] == table["flagged"].sum()
    assert report["flagged"]["ci95"][0] < table["flagged"].mean() < report["flagged"]["ci95"][1]
    shown = table["nearest_row"][table["flagged"]] // SLICES  # the store holds patient after patient
    assert report["patients_reproduced"]["count"] == shown.nunique() >= 3
    assert report["patients_reproduced"]["share"] == pytest.approx(shown.nunique() / 6, abs=1e-5)
    assert 0 <= report["patients_reproduced"]["floor"] < 0.4
    assert report["calibration"]["slices"] == 3 * SLICES
    assert set(report["calibration"]["measured"]) == {"leave_one_patient_out", "test"}
    assert report["membership_inference"] == {"not_measured": "no --run was given"}


def test_every_control_is_found(folder: Path) -> None:
    report = report_of(folder)
    assert set(report["controls"]) == {"exact", "noise", "shifted", "flipped", "contrast"}
    assert report["controls_met"] == all(control["met"] for control in report["controls"].values())
    assert report["controls"]["exact"]["recall"] == report["controls"]["exact"]["traced"] == 1.0


def test_the_verdict_is_where_export_reads_it_with_its_provenance(folder: Path) -> None:
    samples = Samples.open(folder / "samples")
    assert (
        flagged_rows(samples.table).tolist() == pd.read_parquet(folder / "audit" / "audit.parquet")["flagged"].tolist()
    )
    record = samples.table.attrs["audit"]
    assert record["digests"] == report_of(folder)["digests"]
    assert record["flagged"] == report_of(folder)["flagged"]["count"]
    assert {path.name for path in (folder / "samples").iterdir()} == {
        "pixels.npy", "samples.parquet", "intensity.json", "provenance.json", "seal.json",
    }  # fmt: skip


def test_nothing_in_the_audit_names_a_patient(folder: Path) -> None:
    for path in (folder / "audit").iterdir():
        assert b"patient-0" not in path.read_bytes()
        assert b"series-0" not in path.read_bytes()
    assert "training patients" in (folder / "audit" / "README.txt").read_text()


@pytest.mark.slow
def test_the_command_gives_slices_from_elsewhere_the_same_verdict_and_the_same_bytes(
    folder: Path, tmp_path: Path
) -> None:
    store = SliceStore.open(folder / "store")
    audit(
        folder / "foreign.npy", store, tmp_path / "first", encoder=folder / "encoder", planted=2, false_positives=RATE
    )
    table = pd.read_parquet(tmp_path / "first" / "audit.parquet")
    pd.testing.assert_frame_equal(table, pd.read_parquet(folder / "audit" / "audit.parquet"))
    arguments = ["audit", folder / "foreign.npy", "--data", folder / "store", "--out", tmp_path / "second"]
    arguments += ["--encoder", folder / "encoder", "--planted", 2, "--false-positives", RATE]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert f"{table['flagged'].sum()} of {COPIES + NEW} samples" in result.output
    assert result.output.rstrip().endswith(str(tmp_path / "second"))
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_an_audit_whose_controls_fail_says_that_it_proves_little(folder: Path) -> None:
    report = report_of(folder)
    for control in report["controls"].values():
        control["met"] = True
    assert "proves little" not in " ".join(summary(report))
    report["controls"]["noise"] |= {"met": False, "recall": 0.5}
    assert "this audit proves little: noise 50.0% (bar 95%)" in " ".join(summary(report))


def test_what_belongs_to_other_patients_is_refused(folder: Path, tmp_path: Path) -> None:
    other = write_texture_store(tmp_path / "store", seed=9)
    with pytest.raises(UserError, match="run on another store"):
        audit(folder / "samples", other, tmp_path / "audit", encoder=folder / "encoder", false_positives=RATE)
    with pytest.raises(UserError, match="trained on another store"):
        audit(folder / "foreign.npy", other, tmp_path / "audit", encoder=folder / "encoder", false_positives=RATE)
    assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "train"}, "--calibrate train"),
        ({"false_positives": 0.0}, "--false-positives 0.0"),
        ({"false_positives": 0.001}, "1999 held-out slices"),
        ({"planted": 0}, "--planted 0"),
        ({"seed": -1}, "--seed is -1"),
    ],
)
def test_an_option_out_of_range_is_named(folder: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    store = SliceStore.open(folder / "store")
    with pytest.raises(UserError, match=message):
        audit(folder / "foreign.npy", store, tmp_path / "audit", encoder=folder / "encoder", **options)
    assert not (tmp_path / "audit").exists()


@pytest.mark.slow
def test_the_discriminator_of_a_run_is_asked_who_took_part(folder: Path, tmp_path: Path) -> None:
    from medattngan.core.config import Config
    from medattngan.stages.train.train import train

    store = SliceStore.open(folder / "store")
    config = Config.load(Path("configs/compact.yaml"), ["data.size=32", "train.kimg=0.05", "train.batch_size=8"])
    run = train(config, folder / "store", tmp_path / "run")
    report = audit(
        folder / "foreign.npy",
        store,
        tmp_path / "audit",
        run=run,
        encoder=folder / "encoder",
        planted=2,
        false_positives=RATE,
    )
    found = report["membership_inference"]
    assert found["ci95"][0] <= found["auc"] <= found["ci95"][1]
    assert 0.3 < found["auc"] < 0.7  # of textures seen for a moment it can know nobody
    assert (found["training_patients"], found["held_out_patients"]) == (6, 3)

"""No identifier of the source is written anywhere, or said."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest
from helpers.canaries import WORD, found, write_sources, written

from medattngan.core.config import Config
from medattngan.stages.export.export import export
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return write_sources(tmp_path / "source" / WORD)


def test_no_canary_leaves_the_source(
    sources: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    table = tmp_path / "labels.csv"
    table.write_text(f"file,patient,label,sex,{WORD}\n{WORD}0/{WORD}.png,{WORD},ill,f,{WORD}\n")
    for plane, labels in (("axial", None), ("coronal", table), ("acquired", None)):
        out = tmp_path / "out" / plane
        store = ingest([sources], out, size=16, plane=plane, labels=labels)
        assert {"MR", "OT"} <= set(store.index["modality"])
        if plane == "axial":
            assert (store.index["modality"] == "CT").sum() == 4
        captured = capfd.readouterr()
        assert found("\n".join([written(out), captured.out, captured.err, caplog.text])) == []


def test_no_canary_and_no_host_name_reaches_a_run_a_sample_or_an_export(
    sources: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    store = ingest([sources], out / "store", size=32, plane="acquired", progress=False)
    tree = {
        "data": {"size": 32},
        "model": {"generator_width": 8, "discriminator_width": 8},
        "attention": {"resolutions": [8]},
        "train": {"kimg": 0.008, "minutes": None, "batch_size": 4, "log_kimg": 0.004, "validate_minutes": None},
    }
    run = train(Config.from_tree(tree, "test"), store, out / "run")
    sample(run, out / "samples", count=2)
    export(out / "samples", out / "dicom")
    captured = capfd.readouterr()
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {path.relative_to(out).parts[0] for path in files} == {"store", "run", "samples", "dicom"}
    assert found("\n".join([written(out), captured.out, captured.err])) == []
    assert not any(socket.gethostname() in path.name for path in (out / "run").rglob("*"))


def test_work_in_progress_holds_no_canary(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.ingest.shutil.rmtree", lambda path, ignore_errors=False: None)
    ingest([sources], tmp_path / "out" / "store", size=16, progress=False)
    work = [path for path in (tmp_path / "out" / ".store.ingest").iterdir() if path.is_file()]
    assert len(work) >= 3
    assert found(written(tmp_path / "out" / ".store.ingest")) == []


def test_a_salt_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medattngan.stages.ingest.pseudonyms import load_salt, pseudonym

    monkeypatch.setenv("MEDATTNGAN_SALT_FILE", str(tmp_path / "config" / "salt"))
    first = load_salt()
    assert first == load_salt()
    assert len(first) == 32
    assert (tmp_path / "config" / "salt").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "config").iterdir()] == ["salt"]
    assert pseudonym(first, "patient", "1") != pseudonym(bytes(32), "patient", "1")

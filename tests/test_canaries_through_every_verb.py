"""From scans to report: what names somebody in a source is in nothing that is written or said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from helpers.canaries import DATE, MARKUP, WORD, found, plant, write_sources, written

CONFIG = """
data: {size: 32}
model: {generator_width: 8, discriminator_width: 8}
attention: {resolutions: [8]}
train: {kimg: 0.008, minutes: null, batch_size: 4, log_kimg: 0.004, validate_minutes: null}
"""


def run(*command: str | Path, folder: Path) -> str:
    """What `medattngan` says, on both streams."""
    line = [sys.executable, "-m", "medattngan", *map(str, command)]
    done = subprocess.run(line, cwd=folder, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_no_canary_passes_through_any_verb(tmp_path: Path) -> None:
    top = write_sources(tmp_path / "source" / WORD)
    with pydicom.config.disable_value_validation():
        for number in range(160):
            name = top / WORD / DATE / f"{WORD}_{number}.dcm"
            plant(name, 100 + number, MARKUP if number % 2 else "MR", f"{WORD}{number // 4}", size=32)
    table = tmp_path / "labels.csv"
    rows = [f"{WORD}_{number}.dcm,{('ill', 'well')[number % 8 // 4]},F,{WORD},{DATE}" for number in range(160)]
    table.write_text("\n".join([f"file,label,sex,{WORD},birth_date", *rows]) + "\n")
    (tmp_path / "config.yaml").write_text(CONFIG)
    out = tmp_path / "out"
    out.mkdir()

    def do(*command: str | Path) -> str:
        return run(*command, folder=out)

    source = os.path.relpath(top, out)
    said = [
        do("ingest", source, "--out", "store", "--size", "32", "--plane", "acquired", "--labels", "../labels.csv"),
        do("inspect", "store"),
        do("train", "../config.yaml", "--data", "store", "--out", "run"),
        do("sample", "run", "--out", "samples", "--count", "12"),
        do("encode", "run", "store", "--out", "latents", "--kimg", "0.05"),
        do("reconstruct", "run", "latents", "--data", "store", "--out", "redrawn"),
        do("anomalies", "run", "latents", "--data", "store", "--out", "odd"),
        do("encoder", "store", "--out", "encoder", "--kimg", "0.1"),
        do("audit", "samples", "--data", "store", "--out", "audit", "--encoder", "encoder", "--planted", "2",
           "--false-positives", "0.2"),
        do("evaluate", "samples", "--data", "store", "--out", "scores", "--split", "train", "--extractor", "encoder"),
        do("export", "samples", "--out", "dicom", "--include-flagged", "a test of canaries"),
        do("export", "samples", "--out", "like", "--include-flagged", "a test of canaries", "--like",
           f"{source}/{WORD}/{DATE}/{WORD}_0.dcm"),
        do("evaluate", f"{source}/{WORD}/{DATE}", "--data", "store", "--out", "own", "--split", "train", "--extractor",
           "encoder"),
        do("review", "create", "samples", "--data", "store", "--out", "study", "--count", "2", "--seed", "1"),
        do("report", "run", "samples", "scores", "audit", "--data", "store", "--out", "report.html"),
    ]  # fmt: skip
    assert "MR" in written(out / "dicom") or "OT" in written(out / "dicom")
    assert found("\n".join(said)) == []
    assert found(written(out)) == []

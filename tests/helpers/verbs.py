"""Every verb that writes, as it is called on the folders of `helpers.folders`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

WRITING = (
    "ingest",
    "train",
    "sample",
    "encoder",
    "evaluate",
    "export",
    "report",
    "review",
    "explain",
    "audit",
    "export-model",
)
QUICK = ("ingest", "train", "sample", "evaluate", "export", "review", "explain")


def write_pictures(folder: Path) -> None:
    """Twelve pictures of twelve patients."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 255, (32, 32)).astype(np.uint8)).save(folder / f"patient{number:02d}.png")


def call(verb: str, made: Path, out: Path) -> list[object]:
    """The arguments of `verb`, which reads from `made` and writes `out`."""
    data, samples = ["--data", made / "store"], made / "samples"
    radiomics = ["--extractor", "radiomics-2d"]
    audited = ["--encoder", made / "encoder", "--false-positives", "0.3", "--planted", "12"]
    calls: dict[str, list[object]] = {
        "ingest": [made / "pictures", "--size", 32],
        "train": [made / "config.yaml", *data, "--resume"],
        "sample": [made / "run", "--count", 12],
        "encoder": [made / "store", "--kimg", 0.1],
        "evaluate": [samples, *data, *radiomics],
        "export": [samples, "--include-flagged", "a test"],
        "report": [made / "run", samples, *data],
        "review": ["create", samples, *data, "--count", 2, "--seed", 1],
        "explain": [made / "run"],
        "export-model": [made / "run", "--format", "medigan"],
        "audit": [samples, *data, *audited],
    }
    return [verb, *calls[verb], "--out", out]

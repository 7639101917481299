"""Every verb that writes, as it is called on the folders of `helpers.folders`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medattngan.stages.demo import demo as the_demo
from medattngan.stages.utility.compare import score_arms

WRITING = (
    "ingest", "train", "sample", "encoder", "evaluate", "export", "report", "review", "explain", "explore", "audit",
    "export-model", "utility", "encode", "reconstruct", "anomalies", "demo",
)  # fmt: skip


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
    compared = ["--per-class", 6, "--seeds", 2, "--amounts", 1]
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
        "explore": [made / "run", "--count", "4"],
        "export-model": [made / "run", "--format", "medigan"],
        "audit": [samples, *data, *audited],
        "encode": [made / "run", made / "store", "--kimg", 0.1],
        "reconstruct": [made / "run", made / "latents"],
        "anomalies": [made / "run", made / "latents", *data],
        "utility": [made / "config.yaml", *data, *compared],
        "demo": ["--minutes", 0.02],
    }
    return [verb, *calls[verb], "--out", out]


def make_small(patch: pytest.MonkeyPatch) -> None:
    """What is always large takes as few patients, slices and replicates as it can; forked processes inherit that."""
    patch.setitem(the_demo.demo.__wrapped__.__kwdefaults__, "patients", the_demo.LEAST_PATIENTS)  # type: ignore[attr-defined]
    patch.setattr(the_demo, "SAMPLES", 12)
    patch.setattr(the_demo, "EXPORTED", 4)
    patch.setitem(score_arms.__kwdefaults__, "replicates", 50)

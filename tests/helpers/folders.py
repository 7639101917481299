"""One small folder of every kind, each made by its own verb."""

from __future__ import annotations

from pathlib import Path

from helpers.tiny import tiny_config
from helpers.verbs import write_pictures
from medattngan.data.store import SliceStore
from medattngan.review.create import create_study
from medattngan.stages.audit.audit import audit
from medattngan.stages.encode.encode import encode
from medattngan.stages.encoder.encoder import encoder
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.explain.explain import explain
from medattngan.stages.export.export import export
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

CONFIG = {
    "loss": {"penalty_every": 2},
    "train": {
        "kimg": 0.024, "minutes": None, "batch_size": 4, "checkpoint_steps": 2, "log_kimg": 0.008, "grid_kimg": 10,
        "validate_minutes": None, "seed": 5,
    },
}  # fmt: skip
KINDS = ("store", "run", "samples", "scores", "encoder", "audit", "dicom", "study", "explanation", "latents")


def make_folders(store: SliceStore, folder: Path) -> None:
    """Put a folder of each of KINDS, named for it, into `folder`, which holds the store already."""
    write_pictures(folder / "pictures")
    config = tiny_config(**CONFIG)
    config.save(folder / "config.yaml")
    run = train(config, store, folder / "run", progress=False)
    sample(run, folder / "samples", count=12)
    encoder(store, folder / "encoder", kimg=0.1)
    audit(folder / "samples", store, folder / "audit", encoder=folder / "encoder", false_positives=0.3, planted=12)
    evaluate(folder / "samples", store, folder / "scores", extractor="radiomics-2d")
    export(folder / "samples", folder / "dicom", include_flagged="a test", limit=2)
    create_study(folder / "samples", store, folder / "study", count=2, seed=1)
    explain(run, folder / "explanation")
    encode(run, store, folder / "latents", kimg=0.1, progress=False)

"""What a report is made from, without any training: a run that was logged, samples and scores."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from medattngan.core.config import AttentionConfig, Config, DataConfig, TrainConfig
from medattngan.core.files import digest, write_json
from medattngan.core.run import Run
from medattngan.core.seal import seal
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.train.select import describe

HOSTILE = """<script>alert("x")</script><img src="http://example.org/a.png" onerror='y'>&$label"""
SCORE = {"value": 9.0, "ci95": [8.0, 10.5], "floor": 4.5, "better": "lower", "n_real": 12, "n_fake": 12}
DISTANCE = {**SCORE, "ratio": 2.0}


def write_parts(store: SliceStore, folder: Path, label: str = "small") -> tuple[Path, Path, Path]:
    """A run that was logged, samples and scores, without any training."""
    config = Config(
        data=DataConfig(size=32), attention=AttentionConfig(resolutions=(8,)), train=TrainConfig(minutes=1.0)
    )
    run = Run.create(folder / "run", config, describe(store, store.split("train"), config))
    with (run.path / "metrics.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(
            ["kimg", "seconds", "loss_generator", "loss_discriminator", "logits_real", "logits_fake", "fd_val[x]"]
        )
        rows.writerows([i / 10, 3.0 * i, 0.7, 0.6, 0.1 * i, -0.1 * i, 50 - i if i % 10 == 0 else ""] for i in range(40))
    codes = np.random.default_rng(0).integers(0, 65536, (30, 32, 32)).astype(np.uint16)
    table = pd.DataFrame({"seed": [0] * 30, "label": pd.array([label] * 30, dtype="string")})
    weights = run.path / "checkpoints" / "step-000000001" / "ema.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    made = {"seed": 0, "truncation": 1.0, "weights_digest": digest(weights)}
    Samples(codes, table, store.intensity, made).save(folder / "samples")
    write_json(
        folder / "scores" / "scores.json", {"fd[some]": DISTANCE, "new[other]": {**SCORE, "warnings": [HOSTILE]}}
    )
    compared = {"store": store.digest, "split": "test", "interval": "bootstrap", "seed": 0}
    compared["samples_file"] = digest(folder / "samples" / "pixels.npy")
    compared["extractor"] = {"name": "some", "weights_sha256": "0" * 64}
    write_json(folder / "scores" / "provenance.json", compared)
    seal(folder / "scores", "scores")
    return run.path, folder / "samples", folder / "scores"

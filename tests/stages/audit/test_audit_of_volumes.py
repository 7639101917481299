"""A volume is judged as a whole, against held-out patients who are volumes that nobody copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.audit_cases import SLICES, texture, write_texture_store

from medattngan.core.files import read_json
from medattngan.data.samples import Samples
from medattngan.stages.audit.audit import audit
from medattngan.stages.audit.volumes import Judged, judge_volumes, volume_sentences
from medattngan.stages.encoder.encoder import encoder


def judged(flags: list[list[bool]], scores: list[list[float]]) -> Judged:
    count, depth = len(flags), len(flags[0])
    volume = np.repeat(np.arange(count), depth)
    return Judged(volume, np.ravel(flags).astype(bool), np.ravel(scores).astype(float), np.zeros(len(volume), np.intp))


def test_a_volume_is_flagged_for_more_flagged_slices_or_a_nearer_one_than_any_patient_has() -> None:
    held_out = judged([[True, False, False, False], [False] * 4], [[0.8, 2, 2, 2], [1.5, 2, 2, 2]])
    samples = judged(
        [[True, False, False, False], [True, True, False, False], [False] * 4, [True, False, False, False]],
        [[0.9, 2, 2, 2], [0.9, 0.9, 2, 2], [2, 2, 2, 2], [0.1, 2, 2, 2]],
    )
    found, report = judge_volumes(samples, held_out)
    assert found["flagged"].tolist() == [False, True, False, True]
    assert report["limits"] == {"share": 0.25, "closest": 0.8}
    assert report["flagged"]["count"] == 2
    assert report["false_positives_at_most"] == pytest.approx(2 / 3)
    assert [one["flagged_slices"] for one in report["volumes"]] == [1, 2, 0, 1]
    assert "2 of 4 volumes" in volume_sentences({"volumes": report})[0]
    assert not volume_sentences({})


@pytest.mark.slow
def test_exchangeable_volumes_are_flagged_no_more_often_than_is_said() -> None:
    rng, flagged, bound = np.random.default_rng(0), [], 0.0
    for _ in range(150):
        scores = rng.normal(2, 0.5, (8, 10))
        side = [judged((part < 1).tolist(), part.tolist()) for part in (scores[:1], scores[1:])]
        found, report = judge_volumes(*side)
        flagged.append(bool(found["flagged"].iloc[0]))
        bound = report["false_positives_at_most"]
    assert np.mean(flagged) <= bound + 2 * np.sqrt(bound * (1 - bound) / 150)


@pytest.mark.slow
def test_an_audit_marks_a_copied_volume_whole(tmp_path: Path) -> None:
    store = write_texture_store(tmp_path / "store")
    rng = np.random.default_rng(5)
    copied = store.read(range(SLICES))
    codes = np.concatenate([copied, np.stack([texture(rng) for _ in range(2 * SLICES)])])
    number = np.arange(len(codes))
    table = pd.DataFrame({"seed": 0, "label": pd.array([None] * len(codes), "string")})
    table = table.assign(volume=number // SLICES, slice=number % SLICES, position_mm=2.0 * (number % SLICES))
    Samples(codes, table, dict(store.intensity), {"store_digest": store.digest}).save(tmp_path / "samples")
    encoder(store, tmp_path / "encoder", kimg=0.3)
    report = audit(
        tmp_path / "samples", store, tmp_path / "audit", encoder=tmp_path / "encoder", planted=6, false_positives=0.05,
        progress=False,
    )  # fmt: skip
    flags = Samples.open(tmp_path / "samples").table["flagged"].to_numpy().reshape(3, SLICES)
    assert flags[0].all()
    assert (flags == flags[:, :1]).all()  # of new ones, with three held-out patients, half may be marked by chance
    assert report["volumes"]["volumes"][0]["same_patient"] >= 0.9
    assert read_json(tmp_path / "audit" / "audit.json")["volumes"]["flagged"]["count"] == int(flags[:, 0].sum())

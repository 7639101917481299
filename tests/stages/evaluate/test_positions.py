"""Where in the volume slices lie, and how good those of each label are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.data.store import SliceStore
from medattngan.metrics.sets import Sides
from medattngan.stages.evaluate import positions, strata
from medattngan.stages.evaluate.by_label import by_label, lines
from medattngan.stages.evaluate.positions import TENTHS, asked_coverage, position_scores
from medattngan.stages.evaluate.real_sets import RealSets, with_third_of_volume

SLICES, PATIENTS = 20, 6


def index(first: int) -> pd.DataFrame:
    rows = [
        {"patient": f"p{first + p}", "series": f"s{first + p}", "position_mm": 4.0 * i, "label": "", "split": "test"}
        for p in range(PATIENTS)
        for i in range(SLICES)
    ]
    return with_third_of_volume(pd.DataFrame(rows))


def features(places: Tensor, seed: int) -> Tensor:
    """Features that tell the place, and noise."""
    noise = torch.randn(len(places), 3, generator=torch.Generator().manual_seed(seed)) * 0.01
    return torch.cat([places[:, None] * 10, noise], 1)


def sets() -> tuple[RealSets, Tensor]:
    own, other = index(0), index(PATIENTS)
    images: Images = torch.zeros(len(own), 1, 4, 4)
    real = RealSets(SliceImages.of(images), own, SliceImages.of(images), other, "made up")
    return real, torch.tensor(own["share_of_volume"].to_numpy(), dtype=torch.float32)


def scored(fake: Tensor) -> dict[str, object]:
    real, places = sets()
    found = position_scores(real, Sides(features(places, 0), features(fake, 1), features(places, 2)), seed=0)
    assert found is not None
    return found


def test_slices_from_everywhere_cover_as_much_as_other_patients_do() -> None:
    found = scored(sets()[1])
    assert found["coverage"] == pytest.approx(1.0, abs=0.03)
    assert found["floor"] == pytest.approx(1.0, abs=0.03)
    assert float(str(found["probe_error"])) < 0.05


def test_slices_from_the_lower_half_alone_cover_half() -> None:
    found = scored(sets()[1] / 2)
    assert found["coverage"] == pytest.approx(0.5, abs=0.1)
    low, high = found["ci95"]  # type: ignore[misc]
    assert low <= float(str(found["coverage"])) <= high < 0.7  # type: ignore[has-type]
    tenths = found["tenths"]["synthetic"]  # type: ignore[index]
    assert sum(tenths[TENTHS // 2 + 1 :]) == 0
    assert sum(tenths) == pytest.approx(1.0)


def test_slices_without_places_have_no_coverage() -> None:
    real, places = sets()
    for rows in (real.rows, real.other_rows):
        rows["share_of_volume"] = np.nan
    assert position_scores(real, Sides(*(features(places, i) for i in range(3))), seed=0) is None


def test_positions_that_were_asked_for_are_compared_in_millimetres() -> None:
    real, _ = sets()
    everywhere = real.rows["position_mm"].to_numpy(np.float64)
    assert asked_coverage(real, everywhere) == pytest.approx(1.0)
    assert asked_coverage(real, np.full(50, 2.0)) == pytest.approx(0.1)
    assert asked_coverage(real, np.array([np.nan, 1.0])) is None


@pytest.mark.slow
def test_evaluate_writes_tells_and_draws_labels_and_places(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strata, "LEAST_IN_STRATUM", 6)
    monkeypatch.setattr(positions, "LEAST", 10)
    train = tiny_store.split("train")
    np.save(tmp_path / "real.npy", np.stack([train.unit(i) for i in range(48)]))
    arguments = ["evaluate", tmp_path / "real.npy", "--data", tiny_store.path, "-o", tmp_path / "scores"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--extractor", "radiomics-2d", "--split", "train"])
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert set(by_label(scores)) == {"small", "large"}
    assert all(line in result.output for line in lines(scores))
    assert "coverage of slice positions" in result.output
    for name in ("positions.json", "positions.png", "labels.png"):
        assert (tmp_path / "scores" / name).stat().st_size > 300


def test_a_label_has_its_own_likeness_fidelity_and_diversity() -> None:
    entry = {"value": 0.5, "ci95": [0.4, 0.6], "floor": 0.75, "n_fake": 60}
    scores = {
        "fd[x]": {"strata": {"label": {"a": entry | {"value": 31.0, "floor": 10.0}}}},
        "precision[x]": {"strata": {"label": {"a": entry}}},
        "kid[x]": {"strata": {"label": {"a": entry}}},
        "recall[x]": {},
    }
    assert lines(scores) == ["  label a: fd 31 (real 10)   precision 0.5 (real 0.75)   of 60 slices"]

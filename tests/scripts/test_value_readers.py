"""The readers that judge conditional runs read what they were taught, from slices they have not seen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"


def bands(count: int, seed: int) -> tuple[torch.Tensor, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Slices with a bright band, and its height."""
    levels = np.random.default_rng(seed).uniform(8, 56, count)
    rows = np.arange(64)[None, :, None]
    drawn = 2 * np.exp(-(((rows - levels[:, None, None]) / 6) ** 2)) * np.ones((1, 1, 64)) - 1
    return torch.from_numpy(drawn).float().unsqueeze(1), levels


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("value_readers", "measure_conditions"):
        sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.usefixtures("scripts")
def test_the_network_reads_the_height_of_a_band() -> None:
    from measure_conditions import agreement
    from value_readers import train_network

    reader = train_network(*bands(640, 0))
    images, levels = bands(100, 1)
    found = agreement(levels, reader(images), np.arange(100))
    assert found["spearman"] > 0.95
    assert found["ci95"][0] <= found["spearman"] <= found["ci95"][1]
    assert found["mean_absolute_error"] < 4


@pytest.mark.slow
@pytest.mark.usefixtures("scripts")
def test_agreement_of_a_reader_that_is_off_by_a_patient_s_offset_says_so() -> None:
    from measure_conditions import agreement

    asked = np.tile(np.arange(20.0), 3)
    patients = np.repeat(["a", "b", "c"], 20)
    found = agreement(asked, asked + np.repeat([-3.0, 0.0, 3.0], 20), patients)
    assert found["mean_error"] == pytest.approx(0)
    assert found["mean_absolute_error"] == pytest.approx(2)
    assert found["sd_of_group_offsets"] == pytest.approx(np.std([-3, 0, 3]))
    assert agreement(asked, -asked, patients)["spearman"] == pytest.approx(-1)

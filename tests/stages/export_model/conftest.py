"""Two short trainings, one of them told of labels and places, and slices drawn from each."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.tiny import tiny_config

from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

SEED, COUNT = 3, 20
TRAIN = {"kimg": 0.016, "minutes": None, "batch_size": 4, "log_kimg": 1, "grid_kimg": 10, "validate_minutes": None}


def _trained(store: SliceStore, folder: Path, **data: object) -> Run:
    run = train(tiny_config(train=TRAIN, data=data), store, folder / "run", progress=False)
    sample(run, folder / "samples", count=COUNT, seed=SEED)
    return run


@pytest.fixture(scope="session")
def plain(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run without conditions; samples lie beside it."""
    return _trained(tiny_store, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def told(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a label and a number; samples lie beside it."""
    folder = tmp_path_factory.mktemp("told")
    return _trained(tiny_store, folder, conditional=True, conditions=["position_mm"])


@pytest.fixture(scope="session", params=["plain", "told"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each of them."""
    found: Run = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def drawn(run: Run) -> Samples:
    """What `sample` drew from `run`."""
    return Samples.open(run.path.parent / "samples")

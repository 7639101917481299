"""The benchmark of training: speeds that are numbers, failures that are rows, and nothing done twice."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medattngan.data.store import SliceStore

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"
TOY = ["--batch-size", "4", "--seconds", "0.1", "--minutes", "0.02", "--precision", "32-true"]
TOY += ["--set", "train.accelerator=cpu", "--set", "model.generator_width=4", "--set", "model.discriminator_width=4"]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("cells", "derived", "benchmark_attention", "training_speed", "benchmark_training"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def run_script(store: SliceStore, folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """Run the script at toy size on a machine whose C++ compiler does not exist; its record and what it printed."""
    out = folder / "training.json"
    command = [sys.executable, str(SCRIPTS / "benchmark_training.py"), "--data", str(store.path), "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    environment |= {"CXX": str(folder / "no-compiler"), "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}
    done = subprocess.run(
        [*command, "--work", str(folder / "work"), *TOY, *arguments],
        check=True, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    record: dict[str, Any] = json.loads(out.read_text())
    return record, done.stdout


@pytest.mark.slow
def test_every_combination_is_a_row_failures_too_and_what_stands_is_not_run_again(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    record, printed = run_script(tiny_store, tmp_path)
    eager, compiled = record["speed"]
    assert (eager["compiled"], compiled["compiled"]) == (False, True)
    for figure in ("images_per_second", "seconds_per_kimg", "reading_images_per_second", "peak_mb"):
        assert math.isfinite(eager[figure])
        assert eager[figure] > 0
    assert len(eager["parts"]) == 5
    assert eager["images_per_second"] == pytest.approx(1000 / eager["seconds_per_kimg"])
    assert eager["times_stylegan2_ada"] is None  # it publishes nothing at 32 px
    assert "compiler" in compiled["failed"].lower()
    assert "\n" not in compiled["failed"]
    assert compiled["failed"] in " ".join(printed.split())

    (learned,) = record["quality"]
    assert learned["name"] == eager["name"]
    assert learned["kimg"] > 0
    assert learned["scores"]["fd[efficientnet-lite0]"]["value"] > 0
    assert (tmp_path / learned["grid_file"]).read_bytes().startswith(b"\x89PNG")
    assert "fd[efficientnet-lite0]" in json.loads((tmp_path / learned["scores_file"]).read_text())
    assert record["made_with"]["seed"] == 0
    assert record["made_with"]["versions"]["torch"]

    again, _ = run_script(tiny_store, tmp_path, "--compile", "off")
    assert again["speed"] == [{**eager, "stood_already": True}]
    assert again["quality"] == record["quality"]


@pytest.mark.usefixtures("scripts")
def test_a_size_takes_the_smallest_store_that_has_it(tiny_store: SliceStore, tmp_path: Path) -> None:
    from benchmark_training import choose_stores, store_at

    from medattngan.core.files import UserError

    half = store_at(tiny_store, 16, tmp_path / "half")
    assert half.size == 16
    assert half.intensity["spacing_mm"] == 2 * tiny_store.intensity["spacing_mm"]
    assert half.index["patient"].tolist() == tiny_store.index["patient"].tolist()
    assert half.all_codes().mean() == pytest.approx(tiny_store.all_codes().mean(), rel=0.02)
    assert choose_stores([tiny_store, half], []) == {16: half, 32: tiny_store}
    assert choose_stores([tiny_store, half], [16])[16] is half
    assert choose_stores([tiny_store], [16])[16] is tiny_store
    with pytest.raises(UserError, match="64 px"):
        choose_stores([tiny_store, half], [64])


@pytest.mark.usefixtures("scripts")
def test_what_is_trained_is_the_fastest_that_works_and_was_asked_for() -> None:
    from benchmark_training import fastest

    rows = [
        {"size": 128, "name": "128px-b16-32-true-eager", "images_per_second": 10.0},
        {"size": 128, "name": "128px-b64-bf16-mixed-compiled", "images_per_second": 30.0},
        {"size": 128, "name": "128px-b16-bf16-mixed-compiled", "images_per_second": 20.0},
        {"size": 128, "name": "128px-b64-32-true-compiled", "failed": "OutOfMemoryError"},
    ]
    assert fastest(rows, 128, []) == rows[1]
    assert fastest(rows, 128, ["b16-", "bf16"]) == rows[2]
    assert fastest(rows, 128, ["b64-32-true"]) is None
    assert fastest(rows, 256, []) is None


@pytest.mark.usefixtures("scripts")
def test_unlike_settings_never_share_a_file() -> None:
    from benchmark_training import Combination

    one = Combination("compact", 128, 16, "32-true", False, ("train.seed=0",), "digest")
    others = [
        Combination("compact", 128, 16, "32-true", True, ("train.seed=0",), "digest"),
        Combination("compact", 128, 16, "32-true", False, ("train.seed=1",), "digest"),
        Combination("compact", 128, 16, "32-true", False, ("train.seed=0",), "of another store"),
    ]
    assert len({one.name, *(other.name for other in others)}) == 4

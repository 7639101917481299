"""The benchmark of CUDA graphs, run with a stand-in for them: the command that is ready for a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medattngan.core.files import UserError

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("cells", "benchmark_attention", "training_speed", "graph_speed", "graph_table"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_time_that_kernels_share_counts_once() -> None:
    from graph_speed import covered

    assert covered([]) == 0
    assert covered([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 1.7)]) == 4


def test_a_case_is_pixels_and_batch() -> None:
    from graph_table import Case, as_cases

    assert as_cases(["64:8", "128:64"], "both") == [
        Case(64, 8, "off"), Case(64, 8, "on"), Case(128, 64, "off"), Case(128, 64, "on"),
    ]  # fmt: skip
    assert as_cases(["64:8"], "on") == [Case(64, 8, "on")]
    for case, graphs, word in (("64", "both", "--case"), ("64:8", "yes", "--graphs")):
        with pytest.raises(UserError, match=word):
            as_cases([case], graphs)


def test_a_row_says_what_failed_and_what_differs() -> None:
    from graph_table import as_markdown

    fine = {
        "size": 64, "batch_size": 8, "graphs": "on", "how": "CudaGraphs", "images_per_second": 1400.0, "kernels": 800.0,
        "kernel_ms": 3.2, "busy": 0.56, "first_seconds": 4.0, "start_seconds": 6.0, "peak_mb": 300.0,
    }  # fmt: skip
    far = {"graph_and_same_round": 0.2, "graph_and_eager": 0.2, "eager_and_eager": 1e-5, "equal": False}
    text = as_markdown(
        [fine, {"size": 128, "batch_size": 64, "graphs": "off", "failed": "OutOfMemoryError: no."}],
        [{"size": 64, "batch_size": 8, **far}],
    )
    assert "| 64 | 8 | graphs | 1,400 | 800 | 3.20 | 56 % | 4.0 | 6.0 | 300 |" in text
    assert "| 128 | 64 | off | failed: OutOfMemoryError: no. |" in text
    assert "| 64 | 8 | 2.0e-01 | 2.0e-01 | 1.0e-05 | no |" in text


@pytest.mark.slow
def test_the_command_for_a_gpu_runs_here_and_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "graphs.json"
    command = [sys.executable, str(SCRIPTS / "benchmark_training.py"), "--graphs", "both", "--case", "32:4"]
    command += ["--seconds", "0.1", "--work", str(tmp_path / "work"), "--out", str(out)]
    for key in ("train.accelerator=cpu", "model.generator_width=4", "model.discriminator_width=4"):
        command += ["--set", key]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def run() -> tuple[dict[str, list[dict[str, object]]], str]:
        done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
        return json.loads(out.read_text()), done.stdout

    record, printed = run()
    assert [row["how"] for row in record["speed"]] == ["eager", "Unrecorded"]
    for row in record["speed"]:
        assert float(str(row["images_per_second"])) > 0
        assert row["busy"] is None
    (equality,) = record["equality"]
    assert equality["graph_and_same_round"] == equality["eager_and_eager"] == 0
    assert equality["equal"]
    assert printed.strip() == out.with_suffix(".md").read_text().strip()
    again, _ = run()
    assert again["speed"] == record["speed"]  # to the last digit: nothing was timed anew

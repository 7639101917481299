"""scripts/evaluate.py: the same scores, for people with their own generator."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medattngan.data.store import SliceStore

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "scripts" / "evaluate.py"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Run the script with arguments; its exit code."""

    def run_script(*arguments: object) -> object:
        monkeypatch.setattr("sys.argv", [str(SCRIPT), *map(str, arguments)])
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as stop:
            return stop.code or 0
        return 0

    return run_script


@pytest.mark.slow
def test_the_script_scores_a_bare_array(
    run: Callable[..., object], tiny_store: SliceStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", tiny_store.split("train").all_codes()[:12])
    out = tmp_path / "scores"
    assert (
        run(tmp_path / "a.npy", "--data", tiny_store.path, "--out", out, "--extractor", "efficientnet-lite0@128") == 0
    )
    scores = json.loads((out / "scores.json").read_text())
    printed = capsys.readouterr().out
    assert scores
    assert all(name in printed for name in scores)


def test_a_mistake_is_one_sentence_and_exit_code_2(
    run: Callable[..., object], tiny_store: SliceStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none", "--data", tiny_store.path, "--out", tmp_path / "s") == 2
    error = capsys.readouterr().err
    assert "does not exist" in error
    assert "Traceback" not in error

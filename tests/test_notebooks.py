"""The notebooks of docs/tutorials run from top to bottom, in an empty folder, as someone who opens them would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "tutorials").glob("*.ipynb"))


def test_there_are_notebooks_and_they_are_kept_without_what_they_print() -> None:
    nbformat = pytest.importorskip("nbformat", reason="part of the extra dev")
    assert {path.stem for path in NOTEBOOKS} == {"a-study", "your-own"}
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert all(not cell.get("outputs") for cell in notebook.cells)


def test_the_study_takes_fifteen_lines() -> None:
    nbformat = pytest.importorskip("nbformat", reason="part of the extra dev")
    cells = nbformat.read(NOTEBOOKS[0], as_version=4).cells
    lines = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()]
    study = lines[: lines.index("page") + 1]
    assert len([line for line in study if not line.startswith("{")]) <= 15


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="part of the extra dev")
    nbclient = pytest.importorskip("nbclient", reason="part of the extra dev")
    pytest.importorskip("ipykernel", reason="part of the extra dev")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("text/html" in output.get("data", {}) for output in shown)
    assert not any(output.output_type == "error" for output in shown)

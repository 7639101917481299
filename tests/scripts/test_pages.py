"""A table that is filled over several sittings keeps what stands in its file."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import typer

ASKED = {"minutes": 3.0, "settings": ["a.b=1"]}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    return importlib.import_module("pages")


def cell(way: str, seed: int) -> dict[str, Any]:
    return {"way": way, "seed": seed}


def counted(cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": len(cells)}


def test_what_a_sitting_measured_stands_in_the_next(script: Any, tmp_path: Path) -> None:
    done: list[tuple[str, int]] = []

    def measure(way: str, seed: int) -> dict[str, Any]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append((way, seed))
        return cell(way, seed)

    out = tmp_path / "page.json"
    with pytest.raises(KeyboardInterrupt):
        script.fill(out, ASKED, ["a", "b"], 2, measure, counted)
    assert json.loads(out.read_text())["count"] == 3
    again: list[tuple[str, int]] = []
    cells = script.fill(out, ASKED, ["a", "b"], 2, lambda *at: again.append(at) or cell(*at), counted)
    assert (done, again) == ([("a", 0), ("b", 0), ("a", 1)], [("b", 1)])
    assert json.loads(out.read_text()) == {**ASKED, "cells": cells, "count": 4}


def test_a_file_that_was_asked_for_something_else_is_refused(script: Any, tmp_path: Path) -> None:
    script.fill(tmp_path / "page.json", ASKED, ["a"], 1, cell)
    with pytest.raises(typer.BadParameter, match="made with other settings"):
        script.fill(tmp_path / "page.json", ASKED | {"minutes": 4.0}, ["a"], 1, cell)

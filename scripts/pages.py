"""The file of a table that is filled over several sittings: what was asked stands in it, and what stands is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from medattngan.core.files import read_json, write_json


def opened(out: Path, asked: dict[str, Any], empty: dict[str, Any]) -> dict[str, Any]:
    """What stands in `out`, or `asked` and the `empty` table where there is no such file.

    Raises:
        typer.BadParameter: it was asked for something else.
    """
    page: dict[str, Any] = read_json(out) if out.is_file() else {**asked, **empty}
    if {key: page[key] for key in asked} != asked:
        raise typer.BadParameter(f"{out} was made with other settings; give another --out.")
    return page


def fill(
    out: Path,
    asked: dict[str, Any],
    ways: Sequence[str],
    seeds: int,
    measure: Callable[[str, int], dict[str, Any]],
    more: Callable[[list[dict[str, Any]]], dict[str, Any]] = lambda cells: {},
) -> list[dict[str, Any]]:
    """The cell of every way and seed, those that stand in `out` as they are; the file is written anew after each.

    Args:
        measure: from way and seed to a cell, which bears them as `way` and `seed`.
        more: what else the file says, by its cells.

    Raises:
        typer.BadParameter: `out` was asked for something else.
    """
    page = opened(out, asked, {"cells": []})
    cells: list[dict[str, Any]] = page["cells"]
    for seed in range(seeds):
        for way in ways:
            if not any((cell["way"], cell["seed"]) == (way, seed) for cell in cells):
                cells.append(measure(way, seed))
                write_json(out, page | more(cells))
    return cells

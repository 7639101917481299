"""Train presets for equal minutes on one store and score them on the same test patients, cell by cell.

    python scripts/compare_presets.py --data STORE --preset compact --preset dcgan --work DIR --out FILE.json

A cell is one preset with one seed. What is whole is not run again and what was cut short goes on, so that several
sittings can fill the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from cells import Cell, print_summary, run_cell, summarise

from medattngan.data.store import SliceStore
from medattngan.files import UserError, write_json


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Where the cells stand.")],
    out: Annotated[Path, typer.Option(help="The table as JSON.")],
    preset: Annotated[list[str], typer.Option(help="Names of files in configs/; repeat for more.")],
    seed: Annotated[list[int] | None, typer.Option(help="Repeat for more; 0 by default.")] = None,
    minutes: float = 30.0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key in every cell.")] = None,
) -> None:
    """Fill the table and print it."""
    store = SliceStore.open(data)
    cells = []
    for number in seed or [0]:
        for name in preset:
            cells.append(run_cell(Cell(name, name, tuple(settings or ()), number), minutes, data, store, work))
            record = {"store_digest": store.digest, "summary": summarise(cells)}
            write_json(out, {**record, "cells": cells})
    print_summary(summarise(cells))


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"compare_presets: {error}") from error

"""Train presets for equal minutes on one store and score them on the same test patients, cell by cell.

    python scripts/compare_presets.py --data STORE --preset compact --preset dcgan --work DIR --out FILE.json

A cell is one preset with one seed. A cell that is whole is not run again and one that was cut short goes on where its
last checkpoint stands, so that several sittings can fill the table.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from medattngan.config import Config
from medattngan.data.store import SliceStore
from medattngan.evaluate import evaluate
from medattngan.files import UserError, read_json, write_json
from medattngan.run import provenance
from medattngan.sample import sample
from medattngan.train import train

CONFIGS = Path(__file__).parents[1] / "configs"
SCORE = "fd[efficientnet-lite0]"


def run_cell(
    preset: str, seed: int, minutes: float, store: SliceStore, work: Path, settings: list[str]
) -> dict[str, Any]:
    """Train, sample and score one preset with one seed, or read what stands already."""
    cell = work / f"{preset}-{minutes:g}min-seed{seed}"
    overrides = [f"train.minutes={minutes:g}", "train.kimg=1000000", f"train.seed={seed}", *settings]
    config = Config.load(CONFIGS / f"{preset}.yaml", overrides)
    run = train(config, store, cell / "run", resume=True)
    if not (cell / "scores" / "scores.json").is_file():
        test = store.split("test")
        shutil.rmtree(cell / "samples", ignore_errors=True)
        sample(run, cell / "samples", count=len(test), seed=seed, checkpoint="last")
        evaluate(cell / "samples", store, cell / "scores", split="test", seed=0)
    numbers = read_json(run.checkpoint("last") / "checkpoint.json")
    return {
        "preset": preset,
        "seed": seed,
        "minutes": numbers["seconds"] / 60,
        "kimg": numbers["images"] / 1000,
        "images_per_second": numbers["images"] / numbers["seconds"],
        "scores": read_json(cell / "scores" / "scores.json"),
    }


def print_table(cells: list[dict[str, Any]]) -> None:
    """The cells, best first."""
    table = Table("preset", "seed", "minutes", "kimg", "images/s", SCORE, "95 %", "floor")
    for cell in sorted(cells, key=lambda c: float(c["scores"][SCORE]["value"])):
        score = cell["scores"][SCORE]
        low, high = score["ci95"]
        numbers = f"{cell['minutes']:.1f}", f"{cell['kimg']:.1f}", f"{cell['images_per_second']:.0f}"
        values = f"{score['value']:.1f}", f"{low:.1f}-{high:.1f}", f"{score['floor']:.1f}"
        table.add_row(cell["preset"], str(cell["seed"]), *numbers, *values)
    Console().print(table)


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
            cells.append(run_cell(name, number, minutes, store, work, settings or []))
            write_json(out, {"store_digest": store.digest, "provenance": provenance(0), "cells": cells})
    print_table(cells)


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"compare_presets: {error}") from error

"""One cell of a table: a configuration trained with one seed for so many minutes, sampled, scored on the test patients.

A cell that is whole is not run again and one that was cut short goes on where its last checkpoint stands, so that
several sittings can fill a table.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from medattngan.data.store import SliceStore
from medattngan.evaluate import evaluate
from medattngan.files import UserError, read_json, write_json
from medattngan.run import Run
from medattngan.sample import sample

CONFIGS = Path(__file__).parents[1] / "configs"
SCORE = "fd[efficientnet-lite0]"


@dataclass(frozen=True)
class Cell:
    """What is trained: a row's name, a file of configs/, the keys it overrides, a seed."""

    row: str
    config: str
    settings: tuple[str, ...]
    seed: int


def run_cell(cell: Cell, minutes: float, training: Path, test: SliceStore, work: Path) -> dict[str, Any]:
    """Train, sample and score one cell, or read what stands already.

    Args:
        training: the store to train on.
        test: real slices to score against, whose split `test` is taken; as many are drawn.
    """
    folder = work / f"{cell.row}-{minutes:g}min-seed{cell.seed}"
    if not (folder / "scores" / "scores.json").is_file():
        _train(cell, minutes, training, folder)
        shutil.rmtree(folder / "samples", ignore_errors=True)
        count = len(test.split("test"))
        sample(folder / "run", folder / "samples", count=count, seed=cell.seed, checkpoint="last")
        evaluate(folder / "samples", test, folder / "scores", split="test", seed=0)
    run = Run.open(folder / "run")
    numbers = read_json(run.checkpoint("last") / "checkpoint.json")
    cost = read_json(folder / "cost.json") if (folder / "cost.json").is_file() else {}
    return {
        "row": cell.row,
        "seed": cell.seed,
        "minutes": numbers["seconds"] / 60,
        "kimg": numbers["images"] / 1000,
        "images_per_second": numbers["images"] / numbers["seconds"],
        "peak_mb": cost.get("peak_mb"),
        "generator_weights": _weights(run),
        "provenance": read_json(run.path / "provenance.json"),
        "scores": read_json(folder / "scores" / "scores.json"),
    }


def _train(cell: Cell, minutes: float, training: Path, folder: Path) -> None:
    """Train in a process of its own, whose peak resident memory is the cell's cost.

    Raises:
        UserError: the training failed; it has said why.
    """
    overrides = [f"train.minutes={minutes:g}", "train.kimg=1000000", f"train.seed={cell.seed}", *cell.settings]
    arguments = [
        str(CONFIGS / f"{cell.config}.yaml"),
        "--data",
        str(training),
        "--out",
        str(folder / "run"),
        "--resume",
    ]
    for override in overrides:
        arguments += ["--set", override]
    folder.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen([sys.executable, "-m", "medattngan", "train", *arguments])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise UserError(f"the training of {folder.name} ended with status {child.returncode}.")
    before = read_json(folder / "cost.json")["peak_mb"] if (folder / "cost.json").is_file() else 0.0
    write_json(folder / "cost.json", {"peak_mb": max(before, usage.ru_maxrss / 1024)})


def _weights(run: Run) -> int:
    from safetensors import safe_open

    with safe_open(run.checkpoint("last") / "ema.safetensors", "pt") as weights:
        return sum(int(np.prod(weights.get_slice(name).get_shape())) for name in weights.keys())  # noqa: SIM118


def summarise(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a row over its seeds, best mean score first."""
    lines = []
    for row in dict.fromkeys(cell["row"] for cell in cells):
        own = [cell for cell in cells if cell["row"] == row]
        scores = np.array([cell["scores"][SCORE]["value"] for cell in own])
        lines.append(
            {
                "row": row,
                "seeds": len(own),
                "mean": float(scores.mean()),
                "lowest": float(scores.min()),
                "highest": float(scores.max()),
                "floor": float(np.mean([cell["scores"][SCORE]["floor"] for cell in own])),
                "kimg": float(np.mean([cell["kimg"] for cell in own])),
                "images_per_second": float(np.mean([cell["images_per_second"] for cell in own])),
                "peak_mb": max((cell["peak_mb"] for cell in own if cell["peak_mb"]), default=None),
                "generator_weights": own[0]["generator_weights"],
            }
        )
    return sorted(lines, key=lambda line: float(line["mean"]))


def print_summary(lines: list[dict[str, Any]]) -> None:
    """The summary as a table."""
    table = Table("", "seeds", escape(SCORE), "lowest-highest", "floor", "kimg", "images/s", "peak MB", "G weights")
    for line in lines:
        peak = "" if line["peak_mb"] is None else f"{line['peak_mb']:.0f}"
        table.add_row(
            line["row"], str(line["seeds"]), f"{line['mean']:.1f}", f"{line['lowest']:.1f}-{line['highest']:.1f}",
            f"{line['floor']:.1f}", f"{line['kimg']:.1f}", f"{line['images_per_second']:.0f}", peak,
            f"{line['generator_weights']:,}",
        )  # fmt: skip
    Console().print(table)

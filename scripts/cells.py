"""One cell of a table: a configuration trained with one seed for so many minutes, sampled, scored on the test patients.

Tables are filled over several sittings: a cell that stands in the table's file is not run again, on whatever machine it
was made, and one that was cut short goes on where its last checkpoint stands. With several jobs each has its own cores.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from safetensors import safe_open

from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json, write_json
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.games.schedule import GAMMA_RULES
from medattngan.stages.train.initialise import BEGAN

CONFIGS = Path(__file__).parents[1] / "configs"
SCORE = "fd[efficientnet-lite0]"


class Length(NamedTuple):
    """How long a cell trains: so many minutes, or so many thousand images."""

    amount: float
    images: bool

    @classmethod
    def of(cls, minutes: float, kimg: float | None) -> Length:
        """Images where their number is given."""
        return cls(minutes, False) if kimg is None else cls(kimg, True)

    @property
    def ends(self) -> list[str]:
        """What ends it, as settings."""
        if self.images:
            return ["train.minutes=null", f"train.kimg={self.amount:g}"]
        return [f"train.minutes={self.amount:g}", "train.kimg=1000000"]

    def __str__(self) -> str:
        return f"{self.amount:g}{'kimg' if self.images else 'min'}"


@dataclass(frozen=True)
class Cell:
    """What is trained: a row's name, a file of configs/, the keys it overrides, a seed, minutes of training.

    With `kimg`, a number of thousand images ends it and minutes do not. `begin` is that of `train`: a run, or zoo:NAME.
    """

    row: str
    config: str
    settings: tuple[str, ...]
    seed: int
    minutes: float
    kimg: float | None = None
    begin: str | None = None

    @property
    def overrides(self) -> list[str]:
        """Every key it overrides."""
        return [*Length.of(self.minutes, self.kimg).ends, f"train.seed={self.seed}", *self.settings]

    @property
    def length(self) -> str:
        """How long it trains, as in the name of its folder."""
        return str(Length.of(self.minutes, self.kimg))

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{self.row}-{self.length}-seed{self.seed}"

    @property
    def resolved(self) -> Config:
        """The configuration that it trains."""
        return Config.load(CONFIGS / f"{self.config}.yaml", self.overrides)

    def key(self, stores: Sequence[SliceStore], split: str) -> str:
        """What says that two cells are the same: row, configuration as resolved, stores, split, and a beginning."""
        config = self.resolved.model_dump(mode="json")
        begin = [] if self.begin is None else [{"begin": self.begin}]
        told = json.dumps([self.row, config, split, *(store.digest for store in stores), *begin], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def fill_table(
    cells: Sequence[Cell],
    training: SliceStore,
    test: SliceStore,
    work: Path,
    out: Path,
    *,
    split: str = "test",
    jobs: int = 1,
    extra: Callable[[list[dict[str, Any]]], dict[str, Any]] = lambda lines: {},
    more: Callable[[list[dict[str, Any]]], dict[str, Any]] = lambda cells: {},
) -> list[dict[str, Any]]:
    """Run the cells that do not stand in `out`, write it anew after each, and return its summary.

    Args:
        training: the store to train on.
        test: real slices to score against; as many are drawn.
        split: the split of `test` that is taken: `val` to choose by, `test` to report.
        jobs: cells at a time; the cores are shared out among them.
        extra: what else the file says, by the summary.
        more: the same, by the cells.

    Raises:
        UserError: the training of a cell failed; it has said why.
    """
    keys = {cell.key((training, test), split): cell for cell in cells}
    about = (training.digest, split)
    told = read_json(out) if out.is_file() else {"cells": []}
    done = {own["key"]: own for own in told["cells"] if own.get("key") in keys}
    others = _of_other_sittings(told, cells) if (told.get("store_digest"), told.get("split")) == about else []

    def write() -> list[dict[str, Any]]:
        whole = [*others, *(done[key] for key in keys if key in done)]
        lines = summarise(whole)
        said = {"summary": lines, **extra(lines), **more(whole)}
        write_json(out, {"store_digest": training.digest, "split": split, **said, "cells": whole})
        return lines

    shares: queue.Queue[list[int]] = queue.Queue()
    cores = sorted(os.sched_getaffinity(0))
    parts = np.array_split(cores, min(jobs, len(cores)))
    for number in range(jobs):
        shares.put(parts[number % len(parts)].tolist())

    def run(key: str) -> None:
        own = shares.get()
        try:
            done[key] = {"key": key, **run_cell(keys[key], training, test, split, work, own)}
        finally:
            shares.put(own)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for finished in as_completed([pool.submit(run, key) for key in keys if key not in done]):
                finished.result()
                write()
        finally:
            pool.shutdown(cancel_futures=True)
    return write()


def _of_other_sittings(told: Mapping[str, Any], cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """What a table holds that is not asked for now: other rows and seeds, as long trained."""
    asked = {(cell.row, cell.seed) for cell in cells}
    lengths = {cell.length for cell in cells}
    return [
        own for own in told["cells"]
        if own.get("key") and own.get("length") in lengths and (own["row"], own["seed"]) not in asked
    ]  # fmt: skip


def run_cell(
    cell: Cell, training: SliceStore, test: SliceStore, split: str, work: Path, cores: list[int]
) -> dict[str, Any]:
    """Train, sample and score one cell on these cores, or read what stands already in `work`.

    Raises:
        UserError: a step failed and has said why, or what stands there is of other settings.
    """
    folder = work / cell.folder
    folder.mkdir(parents=True, exist_ok=True)
    run, samples, scores = folder / "run", folder / "samples", folder / "scores"
    if not (scores / "scores.json").is_file():
        settings = [word for override in cell.overrides for word in ("--set", override)]
        config = CONFIGS / f"{cell.config}.yaml"
        begin = [] if cell.begin is None else ["--begin", cell.begin]
        peak = _verb(cores, "train", config, "--data", training.path, "--out", run, "--resume", *begin, *settings)
        before = read_json(folder / "cost.json")["peak_mb"] if (folder / "cost.json").is_file() else 0.0
        write_json(folder / "cost.json", {"peak_mb": max(before, peak)})
        shutil.rmtree(samples, ignore_errors=True)
        count = len(test.split(split))
        _verb(cores, "sample", run, "--out", samples, "--count", count, "--seed", cell.seed, "--checkpoint", "last")
        _verb(cores, "evaluate", samples, "--data", test.path, "--out", scores, "--split", split, "--seed", 0)
    trained = Run.open(run)
    if _others(trained.config, cell.resolved):
        raise UserError(f"{folder} holds a cell of other settings; give another --work.")
    numbers = read_json(trained.checkpoint("last") / "checkpoint.json")
    return {
        "row": cell.row,
        "seed": cell.seed,
        "length": cell.length,
        "settings": list(cell.settings),
        **({} if cell.begin is None else {BEGAN: read_json(trained.path / "store.json")[BEGAN]}),
        "threads": len(cores),
        "minutes": numbers["seconds"] / 60,
        "kimg": numbers["images"] / 1000,
        "images_per_second": numbers["images"] / numbers["seconds"],
        "peak_mb": read_json(folder / "cost.json")["peak_mb"],
        "generator_weights": _weights(trained),
        "provenance": read_json(trained.path / "provenance.json"),
        "scores": _scores(scores),
    }


def _others(trained: Config, asked: Config) -> bool:
    """Whether a run was trained with other values than are asked for; what is not asked for was the preset's."""
    old, new = trained.model_dump(), asked.model_dump()
    rule = new["loss"].pop("gamma_rule")  # a run keeps its number
    if rule != "given":
        new["loss"]["r1_gamma"] = GAMMA_RULES[rule](old["data"]["size"], old["train"]["batch_size"])
    return any(
        value is not None and value != old[section][key] for section, keys in new.items() for key, value in keys.items()
    )


def _verb(cores: list[int], verb: str, *arguments: object) -> float:
    """Run a verb of the command line in a process of its own on these cores; its peak resident memory in MB.

    Raises:
        UserError: it failed; it has said why.
    """
    command = [sys.executable, "-m", "medattngan", verb, *(str(argument) for argument in arguments)]
    child = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": str(len(cores))})
    os.sched_setaffinity(child.pid, cores)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise UserError(f"medattngan {verb} for {arguments[0]} ended with status {child.returncode}.")
    return usage.ru_maxrss / 1024


def _scores(folder: Path) -> dict[str, Any]:
    """Every score over all slices; what evaluate says of strata stays with the cell."""
    kept = ("value", "ci95", "floor", "ratio", "n_real", "n_fake", "patients_real")
    stored = read_json(folder / "scores.json")
    return {name: {key: score[key] for key in kept if key in score} for name, score in stored.items()}


def _weights(run: Run) -> int:
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

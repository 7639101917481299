"""Processes that share each batch, against threads in one process, on the same cores of a CPU.

    python scripts/benchmark_processes.py --data STORE --out FILE.json

`2 × 1` is two processes of one thread each with half of every batch (train.devices=2), `1 × 2` one process of two
threads. Each trains by the command line, a short training and one that is longer by `--rounds`: the difference of their
seconds is those rounds', without start and end. They take turns; a ratio is the median over the turns of the images a
second against one process with all threads.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from medattngan.core.files import write_json
from medattngan.core.openmp import COUNTING
from medattngan.core.provenance import provenance

HERE = Path(__file__).parents[1]
BATCH = 8
Shape = tuple[int, int]
"""Processes and threads of each."""


def shapes(cores: int) -> list[Shape]:
    """One process with all cores first, then each equal division of the batch and the cores, then one core alone."""
    shared = [(n, cores // n) for n in range(2, cores + 1) if cores % n == 0 and BATCH % n == 0]
    return [(1, cores), *shared, *([(1, 1)] if cores > 1 else [])]


def seconds(shape: Shape, data: Path, rounds: int) -> float:
    """Of a whole training of so many rounds, start and end included."""
    processes, threads = shape
    clean = {name: value for name, value in os.environ.items() if name not in COUNTING}
    settings = [
        f"train.kimg={rounds * BATCH / 1000}", f"train.devices={processes}", f"train.batch_size={BATCH}",
        "train.accelerator=cpu", "train.minutes=null", "train.validate_minutes=null", "train.grid_kimg=1000000",
        "train.checkpoint_minutes=1000",
    ]  # fmt: skip
    overrides = [word for setting in settings for word in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "medattngan", "train", str(HERE / "configs" / "compact.yaml"), "--data",
            str(data.resolve()), "--out", str(Path(folder) / "run"), *overrides,
        ]  # fmt: skip
        began = time.perf_counter()
        subprocess.run(
            command, check=True, capture_output=True, cwd=HERE, env={**clean, "OMP_NUM_THREADS": str(threads)}
        )
        return time.perf_counter() - began


def main(
    data: Annotated[Path, typer.Option(help="A store of 64 px.")],
    turns: Annotated[int, typer.Option(help="How often each trains.")] = 5,
    rounds: Annotated[int, typer.Option(help="Rounds that count, a training.")] = 200,
    cores: Annotated[int, typer.Option(help="Cores to share out; all by default.")] = os.cpu_count() or 1,
    out: Annotated[Path | None, typer.Option(help="The table as JSON.")] = None,
) -> None:
    """Print the table and write it."""
    ways, short = shapes(cores), max(8, rounds // 8)
    rates: dict[Shape, list[float]] = {way: [] for way in ways}
    for turn in range(turns):
        for way in ways:
            took = seconds(way, data, short + rounds) - seconds(way, data, short)
            rates[way].append(BATCH * rounds / took)
        print(f"turn {turn + 1} of {turns}", file=sys.stderr, flush=True)
    rows: list[dict[str, Any]] = []
    for way in ways:
        ratios = [own / first for own, first in zip(rates[way], rates[ways[0]], strict=True)]
        rows.append(
            {
                "processes": way[0], "threads": way[1], "images_per_second": statistics.median(rates[way]),
                "ratio": statistics.median(ratios), "ratios": ratios,
            }
        )  # fmt: skip
        print(f"{way[0]} × {way[1]}  {rows[-1]['images_per_second']:6.1f} images/s  {rows[-1]['ratio']:.2f}")
    if out is not None:
        told = {"turns": turns, "rounds": rounds, "batch": BATCH, "cores": cores}
        write_json(out, {**told, "rows": rows, "provenance": provenance(0)})


if __name__ == "__main__":
    typer.run(main)

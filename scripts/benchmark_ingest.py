"""Seconds of `ingest` in two checkouts, turn by turn in one run.

    python scripts/benchmark_ingest.py --before TREE --after TREE --scans FOLDER --scans FOLDER

Each turn ingests each folder once with each tree, in a process of its own and in an order that changes. The ratios are
after / before, of wall time and of processor time (the process and its workers): above 1 the later tree is slower.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer


def measure(tree: Path, scans: Path, options: list[str], out: Path) -> dict[str, float]:
    """Wall and processor seconds of one ingest, imports included."""
    command = [sys.executable, "-m", "medattngan", "ingest", str(scans), "--out", str(out), *options]
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve()), "MEDATTNGAN_SALT_FILE": str(out.parent / "salt")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=out.parent)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def quartiles(values: list[float]) -> list[float]:
    """Lower quartile, median and upper quartile."""
    return [round(value, 4) for value in statistics.quantiles(values, n=4, method="inclusive")]


def main(
    before: Annotated[Path, typer.Option(help="A checkout.")],
    after: Annotated[Path, typer.Option(help="A later checkout.")],
    scans: Annotated[list[Path], typer.Option(help="A folder of scans; repeatable.")],
    turns: Annotated[int, typer.Option(help="How often each is measured.")] = 7,
    options: Annotated[str, typer.Option(help="Further options of ingest.")] = "--size 64 --plane acquired --workers 2",
    out: Annotated[Path | None, typer.Option(help="Write the numbers as JSON.")] = None,
) -> None:
    """Measure, and print the ratios."""
    for tree in (before, after):
        if not (tree / "medattngan").is_dir():
            raise typer.BadParameter(f"{tree} holds no medattngan; give the folder of a checkout")
    found: dict[str, dict[str, object]] = {}
    for folder in scans:
        ratios: dict[str, list[float]] = {"wall": [], "processor": []}
        seconds: dict[str, list[float]] = {"before": [], "after": []}
        for turn in range(turns):
            trees = {"before": before, "after": after}
            order = sorted(trees, reverse=bool(turn % 2))
            taken = {}
            for name in order:
                with tempfile.TemporaryDirectory() as work:
                    taken[name] = measure(trees[name], folder, options.split(), Path(work) / "store")
                seconds[name].append(taken[name]["wall"])
            for kind, values in ratios.items():
                values.append(taken["after"][kind] / taken["before"][kind])
        found[folder.name] = {kind: quartiles(values) for kind, values in ratios.items()}
        found[folder.name] |= {f"seconds {name}": quartiles(values) for name, values in seconds.items()}
        typer.echo(f"{folder.name}: {json.dumps(found[folder.name])}")
    if out is not None:
        out.write_text(json.dumps({"turns": turns, "options": options, "quartiles": found}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)

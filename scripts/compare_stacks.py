"""Which way of drawing stacks holds together? One table over ways and seeds, at equal minutes, or images, of training.

    python scripts/compare_stacks.py --data STORE --work DIR --out FILE.json --minutes 5 --seeds 3 --begin-minutes 10

    swept         configs/compact.yaml with position_mm: one latent at every position, what there is without stacks
    none          the networks and judges of stacks, with nothing across slices but the latent
    attention     attention across slices
    convolution   3-D convolutions in its place, at the same cost
    channels      2.5-D: one pass draws 8 slices as channels

With `--begin-minutes` (or `--begin-kimg`) one run of `swept` is trained for so long with each seed, and every way but
`channels`, whose networks are others, begins from it; `swept` goes on from it as well. `channels` then trains for the
sum of both. A cell that stands in FILE.json is not run again, and one that was cut short goes on at its last
checkpoint.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from cells import CONFIGS, Length
from pages import fill
from rich.console import Console
from rich.table import Table
from scipy import stats

from medattngan.core.config import Config
from medattngan.core.files import read_json
from medattngan.core.provenance import provenance
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.stages.evaluate.volumes import evaluate_volumes
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

WAYS = ("swept", "none", "attention", "convolution", "channels")
PAIRED = ("attention", "none")


def configured(way: str, seed: int, length: Length, settings: list[str]) -> Config:
    """The configuration of a way."""
    fixed = [*length.ends, f"train.seed={seed}", "train.validate_minutes=null"]
    if way == "swept":
        own = [one for one in settings if not one.startswith("stack.")]
        return Config.load(CONFIGS / "compact.yaml", ["data.conditions=[position_mm]", *fixed, *own])
    return Config.load(CONFIGS / "stack.yaml", [f"stack.across={way}", *fixed, *settings])


def measure(
    store: SliceStore, work: Path, way: str, seed: int, length: Length, before: Length, volumes: int, slices: int,
    extractor: str, settings: list[str],
) -> dict[str, Any]:  # fmt: skip
    """One cell: trained, sampled and judged."""
    begin: Run | None = None
    if before.amount > 0 and way != "channels":
        first = configured("swept", seed, before, settings)
        begin = train(first, store, work / f"begin-seed{seed}", resume=True)
    folder = work / f"{way}-seed{seed}"
    whole = length._replace(amount=length.amount + before.amount) if way == "channels" else length
    run = train(configured(way, seed, whole, settings), store, folder / "run", resume=True, begin=begin)
    for name in ("samples", "scores"):
        shutil.rmtree(folder / name, ignore_errors=True)
    step = (
        store.stacks(2, Config.load(CONFIGS / "stack.yaml", settings).stack.step_mm).step_mm if way == "swept" else None
    )
    sample(run, folder / "samples", count=volumes, seed=seed, slices=slices, step_mm=step, checkpoint="last")
    scores = evaluate_volumes(folder / "samples", store, folder / "scores", extractor=extractor)
    numbers = read_json(run.checkpoint("last") / "checkpoint.json")
    told = {"way": way, "seed": seed, "kimg": numbers["images"] / 1000, "minutes": numbers["seconds"] / 60}
    return {**told, "scores": scores, "provenance": provenance(seed)}


def flat(scores: dict[str, Any]) -> dict[str, float]:
    """Every figure of a cell by name, likeness as its gap from real."""
    likeness = {f"SSIM at {key}": one["gap"] for key, one in scores["likeness"].items() if "gap" in one}
    others = {key: one["value"] for key, one in scores.items() if key.startswith("fd_") or key == "power_gap"}
    return likeness | others


def paired(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The first of PAIRED less the second, seed by seed: mean and 95 % interval by Student's t."""
    found = {(cell["way"], cell["seed"]): flat(cell["scores"]) for cell in cells}
    seeds = [seed for way, seed in found if way == PAIRED[0] and (PAIRED[1], seed) in found]
    if not seeds:
        return {}
    told = {}
    for name in found[PAIRED[0], seeds[0]]:
        size = abs if name.startswith("SSIM") else float  # of a gap from real, its size
        gains = np.array([size(found[PAIRED[0], seed][name]) - size(found[PAIRED[1], seed][name]) for seed in seeds])
        spread = gains.std(ddof=1) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
        half = float(stats.t.ppf(0.975, len(gains) - 1)) * float(spread) if len(gains) > 1 else math.nan
        mean = float(gains.mean())
        told[name] = {
            "mean": mean,
            "ci95": None if math.isnan(half) else [mean - half, mean + half],
            "pairs": len(seeds),
        }
    return told


def main(
    data: Annotated[Path, typer.Option(help="A store whose slices have positions.")],
    work: Annotated[Path, typer.Option(help="Folder of runs and samples.")],
    out: Annotated[Path, typer.Option(help="Where the figures go; what stands there is kept.")],
    minutes: Annotated[float, typer.Option(help="Of each training.")] = 30.0,
    begin_minutes: Annotated[float, typer.Option(help="Of the run of single slices that they begin from.")] = 0.0,
    kimg: Annotated[float | None, typer.Option(help="Equal images in place of minutes: so many thousand.")] = None,
    begin_kimg: Annotated[float, typer.Option(help="The same for the run that they begin from.")] = 0.0,
    seeds: Annotated[int, typer.Option(help="Trainings of each way.")] = 3,
    volumes: Annotated[int, typer.Option(help="Drawn and compared.")] = 12,
    slices: Annotated[int, typer.Option(help="Of each.")] = 64,
    extractor: Annotated[str, typer.Option(help="Of the Fréchet distances.")] = "efficientnet-lite0",
    ways: Annotated[str, typer.Option(help="Which ways.")] = ",".join(WAYS),
    settings: Annotated[list[str] | None, typer.Option("--set", help="As for train.")] = None,
) -> None:
    """Fill the table."""
    store = SliceStore.open(data)
    length = Length.of(minutes, kimg)
    images = length.images
    if (begin_kimg and not images) or (begin_minutes and images):
        raise SystemExit("give the run that they begin from in the units of the others: minutes, or kimg")
    before = Length(begin_kimg if images else begin_minutes, images)
    told = {
        "store_digest": store.digest, "kimg" if images else "minutes": length.amount,
        "begin_kimg" if images else "begin_minutes": before.amount, "volumes": volumes, "slices": slices,
        "extractor": extractor, "settings": settings or [],
    }  # fmt: skip

    def cell(way: str, seed: int) -> dict[str, Any]:
        return measure(store, work, way, seed, length, before, volumes, slices, extractor, settings or [])

    cells = fill(out, told, ways.split(","), seeds, cell, lambda cells: {"paired": {"-".join(PAIRED): paired(cells)}})
    Console().print(_table(cells))


def _table(cells: list[dict[str, Any]]) -> Table:
    names = list(flat(cells[0]["scores"])) if cells else []
    table = Table("way", "seed", "kimg", *(name.replace("[", r"\[") for name in names))
    for cell in cells:
        values = flat(cell["scores"])
        table.add_row(cell["way"], str(cell["seed"]), f"{cell['kimg']:.1f}", *(f"{values[name]:.3g}" for name in names))
    if cells:
        floors = {
            key: one["floor"] for key, one in cells[0]["scores"].items() if isinstance(one, dict) and "floor" in one
        }
        likeness = {f"SSIM at {key}": one["other"]["value"] - one["real"]["value"]
                    for key, one in cells[0]["scores"]["likeness"].items() if "other" in one}  # fmt: skip
        table.add_row("real", "", "", *(f"{(floors | likeness)[name]:.3g}" for name in names))
    return table


if __name__ == "__main__":
    typer.run(main)

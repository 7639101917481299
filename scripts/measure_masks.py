"""Do slices show the masks asked for, and do masks that are drawn fit their slices? One table over ways and seeds.

    python scripts/measure_masks.py --data STORE --work DIR --out FILE.json --kimg 20 --seeds 3

Trains configs/compact.yaml with `data.conditions=[mask]` (drawn from the masks of the test patients), with
`[drawn_mask]`, and without masks; samples; takes the Fréchet distance to the test patients, and the Dice of a segmenter
that was trained on real slices alone. A cell that stands in FILE.json is not run again, and one that was cut short goes
on at its last checkpoint.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from pages import fill
from rich.console import Console
from rich.table import Table

from medattngan.conditions.mask import DRAWN, NAME
from medattngan.core.config import Config
from medattngan.core.provenance import provenance
from medattngan.data.store import SliceStore
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.evaluate.pairs import evaluate_pairs
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

CONFIG = Path(__file__).parents[1] / "configs" / "compact.yaml"
WAYS = {"told": (NAME,), "drawn": (DRAWN,), "none": ()}
FD = "fd[efficientnet-lite0]"


def measure(
    store: SliceStore, work: Path, way: str, seed: int, kimg: float, steps: int, limit: int | None, settings: list[str]
) -> dict[str, Any]:
    """One cell: trained, sampled and judged, in the folder `work`."""
    conditions = f"data.conditions=[{','.join(WAYS[way])}]"
    fixed = [f"train.kimg={kimg:g}", "train.minutes=null", "train.validate_minutes=null", f"train.seed={seed}"]
    run = train(Config.load(CONFIG, [conditions, *fixed, *settings]), store, work / "run", resume=True)
    for name in ("samples", "scores", "pairs"):
        shutil.rmtree(work / name, ignore_errors=True)
    masks = store if way == "told" else None
    count = min(limit or len(store.split("test")), len(store.split("test")))
    made = sample(
        run, work / "samples", count=count, seed=seed, masks=masks, masks_split="test", checkpoint="last"
    )  # fmt: skip
    scores = evaluate(work / "samples", store, work / "scores", limit=limit)
    fd = {key: scores[FD][key] for key in ("value", "ci95", "floor")}
    pairs = None if made.masks is None else evaluate_pairs(made, store, work / "pairs", steps=steps, limit=limit)
    return {"way": way, "seed": seed, "fd": fd, "pairs": pairs, "provenance": provenance(seed)}


def main(
    data: Annotated[Path, typer.Option(help="A store with masks.")],
    work: Annotated[Path, typer.Option(help="Folder of runs and samples.")],
    out: Annotated[Path, typer.Option(help="Where the figures go; what stands there is kept.")],
    kimg: Annotated[float, typer.Option(help="Thousands of images of each training.")] = 200.0,
    seeds: Annotated[int, typer.Option(help="Trainings of each way.")] = 3,
    steps: Annotated[int, typer.Option(help="Of the segmenter.")] = 1500,
    limit: Annotated[int | None, typer.Option(help="At most so many slices, synthetic and real.")] = None,
    ways: Annotated[str, typer.Option(help="Which ways.")] = ",".join(WAYS),
    settings: Annotated[list[str] | None, typer.Option("--set", help="As for train.")] = None,
) -> None:
    """Fill the table."""
    store = SliceStore.open(data)
    told = {"store_digest": store.digest, "kimg": kimg, "steps": steps, "limit": limit, "settings": settings or []}

    def cell(way: str, seed: int) -> dict[str, Any]:
        return measure(store, work / f"{way}-seed{seed}", way, seed, kimg, steps, limit, settings or [])

    Console().print(_table(fill(out, told, ways.split(","), seeds, cell)))


def _table(cells: list[dict[str, Any]]) -> Table:
    table = Table("way", "seed", "fd", "floor", "Dice", "ceiling", "quotient", "against other masks")
    for cell in cells:
        row = [cell["way"], str(cell["seed"]), f"{cell['fd']['value']:.1f}", f"{cell['fd']['floor']:.1f}"]
        if (pairs := cell["pairs"]) is not None:
            found = (pairs["samples"]["dice"], pairs["ceiling"]["dice"], pairs["quotient"]["value"], pairs["floor"])
            row += ["" if value is None else f"{value:.3f}" for value in found]
        table.add_row(*row)
    return table


if __name__ == "__main__":
    typer.run(main)

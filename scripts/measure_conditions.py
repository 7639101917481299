"""Does a conditional run draw the value asked for? Readers trained on real slices read it back.

    python scripts/measure_conditions.py --data STORE --work DIR --minutes 16 --out FILE.json

Trains configs/compact.yaml on one continuous condition, draws a sweep of its range, and has each slice's value read by
a small convolutional network and by a ridge regression on ImageNet features. Both know real slices only, of other
patients than the test's; what they read of real slices of the test patients says how well they could do at best.
Intervals are 95 %: over patients for real slices, over slices for synthetic ones. What stands in DIR already is not
made again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import typer
from value_readers import Numbers, train_network, train_ridge

from medattngan.conditions.numbers import Number
from medattngan.conditions.table import of_run
from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json, write_json
from medattngan.core.provenance import provenance
from medattngan.core.run import Run
from medattngan.core.types import Images
from medattngan.data.images import load_images
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.explain.figures import save_strips
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

CONFIG = Path(__file__).parents[1] / "configs" / "compact.yaml"
REPLICATES = 1000
ROWS, COLUMNS = 4, 9


def spearman(asked: Numbers, read: Numbers) -> float:
    """Rank correlation."""
    return float(pd.Series(asked).corr(pd.Series(read), method="spearman"))


def agreement(asked: Numbers, read: Numbers, groups: npt.ArrayLike) -> dict[str, Any]:
    """Spearman's correlation with its interval, groups drawn whole, and the errors."""
    rng = np.random.default_rng(0)
    names, of_row = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(of_row == i) for i in range(len(names))]
    replicates = []
    for _ in range(REPLICATES):
        drawn = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        replicates.append(spearman(asked[drawn], read[drawn]))
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    offsets = [float((read - asked)[own].mean()) for own in rows]
    return {
        "spearman": spearman(asked, read),
        "ci95": [float(low), float(high)],
        "mean_absolute_error": float(np.abs(asked - read).mean()),
        "mean_error": float((read - asked).mean()),
        "sd_of_group_offsets": float(np.std(offsets)),
        "slices": len(asked),
    }


def real(store: SliceStore, split: str, name: str, size: int) -> tuple[Images, Numbers, list[str]]:
    """Slices, values and patients of a split."""
    part = store.split(split)
    values = part.index[name].to_numpy(np.float64)
    return load_images(part, size=size), values, [str(patient) for patient in part.index["patient"]]


def trained(data: Path, work: Path, minutes: float, name: str, settings: list[str]) -> Run:
    """The run in `work`, trained to its end."""
    budget = [f"train.minutes={minutes:g}", "train.kimg=1000000", f"data.conditions=[{name}]"]
    return train(Config.load(CONFIG, [*budget, *settings]), data, work / "run", resume=True)


def sweep(run: Run, work: Path, name: str, count: int) -> Samples:
    """`count` slices whose values cover the range evenly; latents have nothing to do with them."""
    if (work / "samples" / "provenance.json").is_file():
        return Samples.open(work / "samples")
    (condition,) = of_run(run.store)
    assert isinstance(condition, Number)
    values = np.random.default_rng(0).permutation(np.linspace(condition.lower, condition.upper, count))
    return sample(run, work / "samples", count=count, seed=0, values={name: values.tolist()}, checkpoint="last")


def picture(run: Run, work: Path, name: str, out: Path) -> None:
    """A sheet of the same latents at several values."""
    (condition,) = of_run(run.store)
    assert isinstance(condition, Number)
    values = np.linspace(condition.lower, condition.upper, COLUMNS)
    columns = []
    for value in values:
        folder = work / f"at-{value:g}"
        if not (folder / "provenance.json").is_file():
            sample(run, folder, count=ROWS, seed=1, values={name: float(value)}, checkpoint="last")
        columns.append(Samples.open(folder).unit())
    words = [f"{value:.4g}" for value in values]
    strips = {}
    for row in range(ROWS):
        images = [column[row : row + 1] for column in columns]
        strips[f"latent {row}, {name}"] = (torch.cat(images), words)
    save_strips(out, strips)


def read_back(run: Run, store: SliceStore, made: Samples, name: str) -> dict[str, Any]:
    """What each reader makes of real slices of the test patients, and of the synthetic ones."""
    size = run.config.data.size
    images, values, _ = real(store, "train", name, size)
    chosen_on, chosen_values, _ = real(store, "val", name, size)
    tested, test_values, patients = real(store, "test", name, size)
    asked = made.table[name].to_numpy(np.float64)
    readers = {
        "network": train_network(images, values),
        "ridge": train_ridge(images, values, chosen_on, chosen_values),
    }
    return {
        kind: {
            "real": agreement(test_values, reader(tested), patients),
            "synthetic": agreement(asked, reader(made.unit()), np.arange(len(asked))),
        }
        for kind, reader in readers.items()
    }


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Where run and samples stand.")],
    out: Annotated[Path, typer.Option(help="The figures as JSON.")],
    condition: Annotated[str, typer.Option(help="A column of numbers of the store's index.")] = "position_mm",
    minutes: Annotated[float, typer.Option(help="Of training.")] = 16.0,
    count: Annotated[int, typer.Option(help="Synthetic slices in the sweep.")] = 400,
    figure: Annotated[Path | None, typer.Option(help="Also draw the same latents at several values (PNG).")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key.")] = None,
) -> None:
    """Train, draw, read back, print."""
    store = SliceStore.open(data)
    run = trained(data, work, minutes, condition, settings or [])
    if figure is not None:
        picture(run, work, condition, figure)
    made = sweep(run, work, condition, count)
    (known,) = of_run(run.store)
    numbers = read_json(run.checkpoint("last") / "checkpoint.json")
    result = read_back(run, store, made, condition)
    record = {
        "condition": known.record(),
        "training": {"minutes": numbers["seconds"] / 60, "kimg": numbers["images"] / 1000},
        "store_digest": store.digest,
        "provenance": provenance(0),
        "readers": result,
    }
    write_json(out, record)
    for reader, lines in result.items():
        for kind, line in lines.items():
            low, high = line["ci95"]
            typer.echo(
                f"{reader:8} {kind:10} Spearman {line['spearman']:.3f} ({low:.3f} to {high:.3f}), mean absolute error "
                f"{line['mean_absolute_error']:.1f}, mean error {line['mean_error']:+.1f}, {line['slices']} slices"
            )


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"measure_conditions: {error}") from error

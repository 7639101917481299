"""Does a conditional run draw the value asked for? A regressor trained on real slices reads it back.

    python scripts/measure_conditions.py --data STORE --work DIR --minutes 16 --out FILE.json

Trains configs/compact.yaml on one continuous condition, draws a sweep of its range, and reads each slice's value with a
ridge regression on EfficientNet-Lite0 features. The regression knows real slices of the training patients only, its
strength is chosen on the validation patients, and what it reads of real slices of the test patients says how well it
could do at best. Intervals are 95 %: over patients for real slices, over slices for synthetic ones. What stands in DIR
already is not made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import typer

from medattngan.config import Config
from medattngan.data.conditions import of_run
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.explain.figures import save_strips
from medattngan.files import UserError, read_json, write_json
from medattngan.metrics.extractors import extract, load_extractor
from medattngan.run import Run, provenance
from medattngan.sample import sample
from medattngan.train import train
from medattngan.train.data import load_images
from medattngan.types import Images

CONFIG = Path(__file__).parents[1] / "configs" / "compact.yaml"
EXTRACTOR = "efficientnet-lite0@128"
STRENGTHS = tuple(10.0**n for n in range(-1, 6))
REPLICATES = 1000
ROWS, COLUMNS = 4, 9

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reader:
    """Ridge regression on standardised features: value = mean + ((x - centre) / scale) w."""

    centre: Numbers
    scale: Numbers
    weights: Numbers
    mean: float

    def __call__(self, features: Numbers) -> Numbers:
        return np.asarray(self.mean + (features - self.centre) / self.scale @ self.weights)


def fit(features: Numbers, values: Numbers, strength: float) -> Reader:
    """Least squares with a penalty of `strength` on the squared weights."""
    centre, scale, mean = features.mean(0), features.std(0) + 1e-6, float(values.mean())
    x = (features - centre) / scale
    weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ (values - mean))
    return Reader(centre, scale, weights, mean)


def spearman(asked: Numbers, read: Numbers) -> float:
    """Rank correlation."""
    return float(pd.Series(asked).corr(pd.Series(read), method="spearman"))


def agreement(asked: Numbers, read: Numbers, groups: npt.ArrayLike, seed: int) -> dict[str, Any]:
    """Spearman's correlation with its interval, groups drawn whole, and the errors."""
    rng = np.random.default_rng(seed)
    names, of_row = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(of_row == i) for i in range(len(names))]
    replicates = []
    for _ in range(REPLICATES):
        drawn = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        replicates.append(spearman(asked[drawn], read[drawn]))
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    return {
        "spearman": spearman(asked, read),
        "ci95": [float(low), float(high)],
        "mean_absolute_error": float(np.abs(asked - read).mean()),
        "mean_error": float((read - asked).mean()),
        "slices": len(asked),
    }


def features_of(images: Images) -> Numbers:
    """(count, dim) float64."""
    return extract(load_extractor(EXTRACTOR), images).double().numpy()


def real(store: SliceStore, split: str, name: str, count: int, size: int) -> tuple[Numbers, Numbers, list[str]]:
    """Features, values and patients of up to `count` slices of a split, drawn at random."""
    part = store.split(split)
    rows = np.sort(np.random.default_rng(0).permutation(len(part))[:count])
    table = part.index.iloc[rows]
    features = features_of(load_images(part, [int(row) for row in rows], size))
    return features, table[name].to_numpy(np.float64), [str(patient) for patient in table["patient"]]


def trained(data: Path, work: Path, minutes: float, name: str, settings: list[str]) -> Run:
    """The run in `work`, trained to its end."""
    budget = [f"train.minutes={minutes:g}", "train.kimg=1000000", f"data.conditions=[{name}]"]
    return train(Config.load(CONFIG, [*budget, *settings]), data, work / "run", resume=True)


def sweep(run: Run, work: Path, name: str, count: int) -> Samples:
    """`count` slices whose values cover the range evenly; latents have nothing to do with them."""
    if (work / "samples" / "provenance.json").is_file():
        return Samples.open(work / "samples")
    (condition,) = of_run(run.store)
    values = np.random.default_rng(0).permutation(np.linspace(condition.lower, condition.upper, count))
    return sample(run, work / "samples", count=count, seed=0, values={name: values.tolist()}, checkpoint="last")


def picture(run: Run, work: Path, name: str, out: Path) -> None:
    """A sheet of the same latents at several values."""
    (condition,) = of_run(run.store)
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


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Where run and samples stand.")],
    out: Annotated[Path, typer.Option(help="The figures as JSON.")],
    condition: Annotated[str, typer.Option(help="A column of numbers of the store's index.")] = "position_mm",
    minutes: Annotated[float, typer.Option(help="Of training.")] = 16.0,
    count: Annotated[int, typer.Option(help="Synthetic slices in the sweep.")] = 400,
    real_count: Annotated[int, typer.Option(help="Real slices of each split, at most.")] = 2000,
    figure: Annotated[Path | None, typer.Option(help="Also draw the same latents at several values (PNG).")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key.")] = None,
) -> None:
    """Train, draw, read back, print."""
    store = SliceStore.open(data)
    run = trained(data, work, minutes, condition, settings or [])
    size = run.config.data.size
    features, values, _ = real(store, "train", condition, real_count, size)
    chosen_on, chosen_values, _ = real(store, "val", condition, real_count, size)
    readers = {strength: fit(features, values, strength) for strength in STRENGTHS}
    errors = {s: float(np.square(reader(chosen_on) - chosen_values).mean()) for s, reader in readers.items()}
    best = min(errors, key=lambda strength: errors[strength])
    tested, test_values, patients = real(store, "test", condition, real_count, size)
    made = sweep(run, work, condition, count)
    asked = made.table[condition].to_numpy(np.float64)
    result = {
        "real": agreement(test_values, readers[best](tested), patients, 0),
        "synthetic": agreement(asked, readers[best](features_of(made.unit())), np.arange(len(asked)), 0),
    }
    (known,) = of_run(run.store)
    numbers = read_json(run.checkpoint("last") / "checkpoint.json")
    write_json(
        out,
        {
            "condition": known.record(),
            "training": {"minutes": numbers["seconds"] / 60, "kimg": numbers["images"] / 1000},
            "extractor": EXTRACTOR,
            "ridge": {"strength": best, "train_slices": len(values)},
            "store_digest": store.digest,
            "provenance": provenance(0),
            **result,
        },
    )
    if figure is not None:
        picture(run, work, condition, figure)
    for kind, line in result.items():
        low, high = line["ci95"]
        typer.echo(
            f"{kind:10} Spearman {line['spearman']:.3f} ({low:.3f} to {high:.3f}), mean absolute error "
            f"{line['mean_absolute_error']:.1f}, mean error {line['mean_error']:+.1f}, {line['slices']} slices"
        )


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"measure_conditions: {error}") from error

"""Do the measures of volumes see the faults they are for? Real volumes, whole and spoilt, in the place of synthetic.

    python scripts/volume_controls.py --data STORE --work DIR --out FILE.json --slices 48 --step-mm 4

    whole      volumes of the validation patients as they are: what a perfect generator would score
    smoothed   the same, Gaussian means along the normal of one slice's deviation: too smooth
    jittered   each slice moved by up to two pixels at random: outlines that do not follow on
    mixed      each slice of another patient at the same place: what slices without anything in common give

A control that stands in FILE.json is not measured again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import typer
from pages import opened
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter1d, shift

from medattngan.core.files import write_json
from medattngan.core.provenance import provenance
from medattngan.data.samples import Samples
from medattngan.data.stacks import Stacks
from medattngan.data.store import SliceStore
from medattngan.stages.evaluate.volumes import evaluate_volumes

Volumes = npt.NDArray[np.float64]
JITTER_PX = 2


def smoothed(volumes: Volumes, rng: np.random.Generator) -> Volumes:
    """Gaussian means along the normal."""
    del rng
    return np.asarray(gaussian_filter1d(volumes, 1.0, axis=1, mode="nearest"))


def jittered(volumes: Volumes, rng: np.random.Generator) -> Volumes:
    """Every slice moved by itself, by whole pixels."""
    moved = [
        [shift(one, rng.integers(-JITTER_PX, JITTER_PX + 1, 2), order=0, mode="nearest") for one in volume]
        for volume in volumes
    ]
    return np.asarray(moved)


def mixed(volumes: Volumes, rng: np.random.Generator) -> Volumes:
    """Every slice from another volume."""
    count, depth = volumes.shape[:2]
    return np.stack([volumes[rng.permutation(count), at] for at in range(depth)], 1)


CONTROLS: dict[str, Callable[[Volumes, np.random.Generator], Volumes]] = {
    "whole": lambda volumes, rng: volumes,
    "smoothed": smoothed,
    "jittered": jittered,
    "mixed": mixed,
}


def as_samples(volumes: Volumes, store: SliceStore, step_mm: float, centre_mm: float) -> Samples:
    """Codes (N, D, H, W) in memory, as `sample` would have them. They are patients' and are written nowhere."""
    count, depth = volumes.shape[:2]
    number = np.arange(count * depth)
    first = centre_mm - step_mm * (depth - 1) / 2
    table = pd.DataFrame({"seed": 0, "label": pd.array([None] * len(number), "string")}, index=number)
    table = table.assign(volume=number // depth, slice=number % depth, position_mm=first + step_mm * (number % depth))
    codes = np.rint(volumes).astype(np.uint16).reshape(-1, *volumes.shape[2:])
    about = {"count": count, "slices": depth, "step_mm": step_mm, "centre_mm": centre_mm, "stacked": False}
    return Samples(codes, table, dict(store.intensity), {"volumes": about})


def whole_volumes(stacks: Stacks) -> Volumes:
    """Every stack: (N, D, H, W)."""
    return np.stack([stacks.codes(i) for i in range(len(stacks))]).astype(np.float64)


def main(
    data: Annotated[Path, typer.Option(help="A store whose slices have positions.")],
    work: Annotated[Path, typer.Option(help="Folder of scores.")],
    out: Annotated[Path, typer.Option(help="Where the figures go; what stands there is kept.")],
    slices: Annotated[int, typer.Option(help="Of each volume.")] = 48,
    step_mm: Annotated[float, typer.Option(help="From slice to slice.")] = 4.0,
    extractor: Annotated[str, typer.Option(help="Of the Fréchet distances.")] = "efficientnet-lite0",
) -> None:
    """Fill the table."""
    store = SliceStore.open(data)
    told = {"store_digest": store.digest, "slices": slices, "step_mm": step_mm, "extractor": extractor}
    page = opened(out, told, {"controls": {}})
    centre = float(round(store.split("train").index.groupby("series")["position_mm"].mean().median()))
    volumes = whole_volumes(store.split("val").stacks(slices, step_mm).one_each(centre))
    for name, spoil in CONTROLS.items():
        if name not in page["controls"]:
            samples = as_samples(spoil(volumes, np.random.default_rng(0)), store, step_mm, centre)
            page["controls"][name] = evaluate_volumes(samples, store, work / name, extractor=extractor)
            write_json(out, page | {"provenance": provenance(0)})
    Console().print(_table(page["controls"]))


def _table(controls: dict[str, dict[str, Any]]) -> Table:
    first = next(iter(controls.values()))
    distances = [key for key, one in first["likeness"].items() if "fake" in one]
    others = [key for key in first if key.startswith("fd_") or key == "power_gap"]
    table = Table("", *(f"SSIM {key}" for key in distances), *(name.replace("[", r"\[") for name in others))
    for name, found in controls.items():
        likeness = [f"{found['likeness'][key]['fake']['value']:.3f}" for key in distances]
        table.add_row(name, *likeness, *(f"{found[key]['value']:.3g}" for key in others))
    real = [f"{first['likeness'][key]['real']['value']:.3f}" for key in distances]
    table.add_row("real, the floor", *real, *(f"{first[key]['floor']:.3g}" for key in others))
    return table


if __name__ == "__main__":
    typer.run(main)

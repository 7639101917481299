"""What augmentation buys where scans are scarce: 100 training slices of 10 patients, with and without, at equal time.

    python scripts/compare_augmentation.py --data STORE --minutes 20 --work DIR --out FILE.json

`none`, `fixed` (every transform of the preset's policy with probability 0.4, as DiffAugment's: Zhao et al. 2020,
arXiv:2006.10738) and `adaptive` (ADA: Karras et al. 2020, arXiv:2006.06676). Scored against the store's test patients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from cells import Cell, fill_table, print_summary
from derived import derived_store

from medattngan.core.files import UserError
from medattngan.data.store import SliceStore

ROWS = {
    "none": ("augment.probability=0",),
    "fixed": ("augment.probability=0.4",),
    "adaptive": ("augment.probability=0", "augment.adaptive=true"),
}


def scarce_store(store: SliceStore, patients: int, slices: int, out: Path) -> SliceStore:
    """A store of `slices` training slices of each of the first `patients` pseudonyms, evenly spaced through the scan.

    Raises:
        UserError: there are not so many patients with so many slices.
    """
    part = store.split("train")
    keep = np.zeros(len(part), bool)
    for patient in sorted(part.index["patient"].unique()):
        own = np.flatnonzero(part.index["patient"] == patient)
        if len(own) >= slices and keep.sum() < patients * slices:
            ordered = own[np.argsort(part.index["position_mm"].to_numpy()[own], kind="stable")]
            keep[ordered[np.linspace(0, len(own) - 1, slices).round().astype(int)]] = True
    if keep.sum() < patients * slices:
        raise UserError(f"{store.path} has no {patients} training patients with {slices} slices each.")
    return derived_store(out, part.select(keep), {"made_by": "scripts/compare_augmentation.py"})


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Where the cells stand.")],
    out: Annotated[Path, typer.Option(help="The table as JSON.")],
    config: Annotated[str, typer.Option(help="Name of a file in configs/.")] = "compact",
    patients: int = 10,
    slices: Annotated[int, typer.Option(help="Of each patient.")] = 10,
    seed: Annotated[list[int] | None, typer.Option(help="Repeat for more; 0 by default.")] = None,
    minutes: float = 20.0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key in every cell.")] = None,
    jobs: Annotated[int, typer.Option(help="Cells at a time; the cores are shared out among them.")] = 1,
) -> None:
    """Fill the table and print it."""
    store = SliceStore.open(data)
    scarce = scarce_store(store, patients, slices, work / f"store-{patients}x{slices}")
    common = ("train.validate_minutes=null", *(settings or ()))
    cells = [
        Cell(row, config, (*overrides, *common), number, minutes)
        for number in seed or [0]
        for row, overrides in ROWS.items()
    ]
    print_summary(fill_table(cells, scarce, store, work, out, jobs=jobs))


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"compare_augmentation: {error}") from error

"""Look at a SliceStore: counts in a table, and stacks from end to end on one sheet."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from medattngan.core.plots import save_picture
from medattngan.core.text import counted, shown
from medattngan.data.alike import spacing_in_words
from medattngan.data.masks import COLUMN as MASK
from medattngan.data.store import SPLITS, SliceStore
from medattngan.stages.inspect.sheet import contact_sheet


def inspect(store: SliceStore | str | Path, out: str | Path | None = None) -> str:
    """Count the slices and patients of `store`, and draw a contact sheet.

    Args:
        out: where to write the sheet, a PNG; None for no sheet.

    Returns:
        Plain text tables: slices and patients by split, and by modality, sequence, plane and label, for each split.
    """
    store = SliceStore.of(store)
    if out is not None:
        save_picture(Path(out), contact_sheet(store))
    buffer = io.StringIO()
    console = Console(file=buffer, width=100, markup=False, emoji=False, highlight=False)
    console.print(_headline(store), soft_wrap=True)
    for column in ("modality", *(["sequence"] if "sequence" in store.index else []), "plane", "label"):
        console.print(_table(store.index, column))
    console.print(_per_patient(store.index), soft_wrap=True)
    return buffer.getvalue()


def _headline(store: SliceStore) -> str:
    index, scale = store.index, store.intensity
    masks = (
        "" if store.classes is None else f"\nmasks: {int(index[MASK].sum())} slices, {', '.join(store.classes.names)}"
    )
    spacing = spacing_in_words(index["spacing_mm"])
    pixel = f", {spacing} a pixel" if spacing else ""
    patients, series = index["patient"].nunique(), index["series"].nunique()
    return (
        f"{store.path}: {counted(len(store), 'slices')} of {store.size} x {store.size} px{pixel}, "
        f"{counted(patients, 'patients')}, {series} series\n"
        f"intensity: {scale['scheme']} {scale['lower']:g} to {scale['upper']:g} {scale['unit']}{masks}"
    )


def _table(index: pd.DataFrame, column: str) -> Table:
    """Slices (patients) by the values of a column and by split."""
    table = Table(column, *SPLITS, "all", title=f"slices (patients) by {column}")
    values = index[column].fillna("none")
    for value in [*sorted(values.unique()), None]:
        rows = index if value is None else index[values == value]
        cells = [_count(rows[rows["split"] == split]) for split in SPLITS]
        table.add_row("all" if value is None else shown(value), *cells, _count(rows), end_section=value is None)
    return table


def _count(rows: pd.DataFrame) -> str:
    return f"{len(rows)} ({rows['patient'].nunique()})" if len(rows) else "-"


def _per_patient(index: pd.DataFrame) -> str:
    counts = index.groupby("patient", observed=True).size()
    return f"slices a patient: {counts.min()} to {counts.max()}, median {counts.median():g}"

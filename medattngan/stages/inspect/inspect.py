"""Look at a SliceStore: counts in a table, and slices of every patient on one sheet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table

from medattngan.core.plots import save_picture
from medattngan.core.text import counted, shown
from medattngan.data.alike import spacing_in_words
from medattngan.data.masks import COLUMN as MASK
from medattngan.data.store import SPLITS, SliceStore

COLUMNS, ROWS = 12, 8
SHEET_PX = 128
"""How large a slice is drawn at least: small ones are enlarged by whole factors."""


def inspect(store: SliceStore | str | Path, out: str | Path | None = None) -> str:
    """Count the slices and patients of `store`, and draw a contact sheet.

    Args:
        out: where to write the sheet, a PNG; None for no sheet.

    Returns:
        Plain text tables: slices and patients by split, and by modality, plane and label, for each split.
    """
    store = SliceStore.of(store)
    if out is not None:
        save_picture(Path(out), contact_sheet(store))
    buffer = io.StringIO()
    console = Console(file=buffer, width=100, markup=False, emoji=False, highlight=False)
    console.print(_headline(store), soft_wrap=True)
    for column in ("modality", "plane", "label"):
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


def contact_sheet(store: SliceStore) -> npt.NDArray[np.uint8]:
    """Up to ROWS x COLUMNS slices, spread evenly over the store, as an 8-bit picture.

    Each is drawn as the network sees it: black is the lower end of its map and white the upper.
    """
    count = min(len(store), COLUMNS * ROWS)
    chosen = _spread(store.index, count)
    zoom = max(1, -(-SHEET_PX // store.size))
    tile = store.size * zoom
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    sheet = np.zeros((rows * (tile + 2), columns * (tile + 2)), np.uint8)
    for place, i in enumerate(chosen):
        top, left = (place // columns) * (tile + 2), (place % columns) * (tile + 2)
        grey = (store.codes(int(i)) >> 8).astype(np.uint8)
        sheet[top : top + tile, left : left + tile] = np.kron(grey, np.ones((zoom, zoom), np.uint8))
    return sheet


def _spread(index: pd.DataFrame, count: int) -> npt.NDArray[np.intp]:
    """Rows such that every series has its turn: the middles of as many series as fit, else even steps within each."""
    groups = [rows.to_numpy() for _, rows in index.groupby("series", sort=False).groups.items()]
    picked = [groups[int(g)] for g in np.linspace(0, len(groups) - 1, min(count, len(groups))).round()]
    share, more = divmod(count, len(picked))
    rows: list[int] = []
    for number, group in enumerate(picked):
        take = min(len(group), share + (number < more))
        steps = (np.arange(take) + 0.5) / take if take else np.empty(0)
        rows += group[(steps * len(group)).astype(int)].tolist()
    return np.asarray(rows[:count], np.intp)

"""Whose slices were drawn again: named in what an audit writes, where it judges slices that are not synthetic."""

from __future__ import annotations

from typing import Any

import pandas as pd

from medattngan.data.samples import Samples
from medattngan.data.sources import SOURCES
from medattngan.data.store import SliceStore


def with_sources(
    table: pd.DataFrame, samples: Samples | None, store: SliceStore
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The verdicts with the column `sources`, and what audit.json says of them; both as they were for synthetic slices.

    Args:
        table: one row a slice, with `nearest_row`.
        samples: the slices that were audited, where they came as samples.
        store: the training slices, by whose rows the nearest are named.

    Returns:
        The table, and `{"sources": {"patients", "slices", "nearest_is_source": {"count", "of"} or None}}`: how often
        the nearest training slice is of a patient whom the slice was drawn from, among slices with such a patient in
        the split train.
    """
    if samples is None or not samples.of_patients or SOURCES not in samples.table:
        return table, {}
    behind = [str(names).split() for names in samples.table[SOURCES]]
    patients = {name for names in behind for name in names}
    training = set(store.index["patient"][store.index["split"] == "train"])
    nearest = [str(store.index["patient"].iloc[row]) for row in table["nearest_row"]]
    known = [(name, names) for name, names in zip(nearest, behind, strict=True) if training & set(names)]
    found = {"count": sum(name in names for name, names in known), "of": len(known)} if known else None
    said = {"patients": len(patients), "slices": len(behind), "nearest_is_source": found}
    return table.assign(**{SOURCES: samples.table[SOURCES].to_numpy()}), {"sources": said}

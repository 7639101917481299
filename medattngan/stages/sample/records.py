"""What stands beside synthetic slices: a row for each, and where all come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medattngan.conditions.condition import Column, Condition
from medattngan.core.run import Run, numbers_of
from medattngan.stages.sample.origin import origin


def table_of(
    conditions: Sequence[Condition], chosen: Mapping[str, Column], seed: int, count: int, truncation: float
) -> pd.DataFrame:
    """One row a slice."""
    columns = {one.name: one.column(chosen[one.name]) for one in conditions}
    return pd.DataFrame(
        {
            "number": np.arange(count),
            "seed": np.full(count, seed),
            "label": columns.pop("label", pd.array([None] * count, dtype="string")),
            "truncation": np.full(count, truncation),
            **columns,
        }
    )


def record_of(run: Run, folder: Path, seed: int, count: int, truncation: float) -> dict[str, Any]:
    """The samples' provenance.json."""
    return {
        **origin(run, folder, seed),
        "preset": run.config.model.preset,
        "store_digest": run.store["digest"],
        "checkpoint": numbers_of(folder),
        "count": count,
        "truncation": truncation,
    }

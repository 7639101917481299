"""What the tests of push share: exported files, and a retry policy that does not wait."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from medattngan.data.samples import Samples
from medattngan.pacs.credentials import Credentials
from medattngan.pacs.retry import Retry
from medattngan.stages.export.export import export

NOBODY = Credentials()


def make_dicom(path: Path, count: int = 5, seed: int = 7, size: int = 40, **options: object) -> Path:
    """Export `count` tiny synthetic MR slices to `path`."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size]
    codes = (rows * 900 + columns * 500 + rng.integers(0, 9000, (count, size, size))).astype(np.uint16)
    table = pd.DataFrame({"seed": range(count), "label": pd.array([None] * count, "string")})
    known = {"lower": 0.0, "upper": 800.0, "unit": "a.u.", "modality": "MR", "plane": "axial", "spacing_mm": 2.0}
    return export(Samples(codes, table, known, {}), path, **options).path  # type: ignore[arg-type]


def no_wait(attempts: int = 3) -> tuple[Retry, list[float]]:
    """A retry policy that writes down its waits in place of waiting."""
    waits: list[float] = []
    return Retry(attempts=attempts, sleep=waits.append, draw=lambda: 0.0), waits


def rows_of(journal: Path) -> list[dict[str, str]]:
    """The journal's rows."""
    with journal.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def history(journal: Path) -> dict[str, list[str]]:
    """The states of each instance in the order of the journal, by file name."""
    states: dict[str, list[str]] = {}
    for row in rows_of(journal):
        if row["sop_instance_uid"]:
            states.setdefault(row["file"], []).append(row["state"])
    return states

"""A small store of blobs with masks: a bright core in a darker rim, which the mask calls `core` and `rim`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from medattngan.core.types import Codes
from medattngan.data.masks import Classes, Masks
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter

SIZE, PATIENTS, SLICES = 32, 12, 6
CLASSES = ("core", "rim")


def draw_pair(rng: np.random.Generator) -> tuple[Codes, Masks]:
    """A slice (32, 32) and its mask: 0 outside, 1 in the core, 2 in the rim."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    row, column = rng.uniform(12, 20, 2)
    distance = np.hypot(rows - row, columns - column)
    radius = rng.uniform(4, 7)
    mask = np.select([distance < radius, distance < radius + 3], [1, 2]).astype(np.uint8)
    grey = np.array([0.05, 0.9, 0.45])[mask] + rng.normal(0, 0.02, mask.shape)
    return (grey.clip(0, 1) * 65535).astype(np.uint16), mask


def write_masked_store(path: Path, maskless: int = 0) -> SliceStore:
    """12 patients x 6 slices in the empty folder `path`: 8 train, 2 val, 2 test; the first `maskless` have no mask."""
    rng = np.random.default_rng(0)
    writer = StoreWriter(path, Classes.named(CLASSES))
    rows = []
    for patient in range(PATIENTS):
        for position in range(SLICES):
            codes, mask = draw_pair(rng)
            writer.add(codes, None if patient < maskless else mask)
            rows.append(
                {
                    "patient": f"patient-{patient:02d}", "series": f"series-{patient:02d}", "modality": "MR",
                    "plane": "axial", "position_mm": 5.0 * position, "spacing_mm": 4.0, "label": None,
                    "split": "train" if patient < 8 else "val" if patient < 10 else "test",
                    "lower": 0.0, "upper": 1000.0, "unit": "a.u.", "mask": patient >= maskless,
                }
            )  # fmt: skip
    intensity = {"scheme": "percentile", "lower": 0.0, "upper": 1000.0, "unit": "a.u.", "modality": "MR"}
    writer.finish(pd.DataFrame(rows), intensity | {"plane": "axial", "spacing_mm": 4.0}, {"source": "blobs"})
    return SliceStore.open(path)

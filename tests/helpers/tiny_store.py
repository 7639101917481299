"""A small store of blobs, made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from medattngan.core.types import Codes
from medattngan.data.intensity import IntensityMap
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter

TINY_PATIENTS, TINY_SLICES, TINY_SIZE = 12, 6, 32


def draw_blob(rng: np.random.Generator, radius: float) -> Codes:
    """One bright, slightly textured ellipse in the dark: (TINY_SIZE, TINY_SIZE) uint16."""
    rows, columns = np.mgrid[0:TINY_SIZE, 0:TINY_SIZE] - TINY_SIZE / 2
    row, column = rng.uniform(-3, 3, 2)
    stretch = rng.uniform(0.8, 1.25)
    distance = np.hypot((rows - row) * stretch, (columns - column) / stretch)
    blob = 1 / (1 + np.exp(distance - radius)) + rng.normal(0, 0.02, distance.shape)
    return IntensityMap(0.0, 1.2, "a.u.").encode(blob)


def write_tiny_store(path: Path) -> SliceStore:
    """Write 12 patients x 6 slices of 32 x 32 to the empty folder `path`.

    Patients 0-7 are `train`, 8-9 `val`, 10-11 `test`; even ones are labelled `small`, odd ones `large`.
    """
    rng = np.random.default_rng(0)
    writer = StoreWriter(path)
    rows = []
    for patient in range(TINY_PATIENTS):
        label = ("small", "large")[patient % 2]
        for position in range(TINY_SLICES):
            writer.add(draw_blob(rng, radius=6.0 if label == "small" else 10.0))
            rows.append(
                {
                    "patient": f"patient-{patient:02d}",
                    "series": f"series-{patient:02d}",
                    "modality": "MR",
                    "plane": "axial",
                    "position_mm": 5.0 * position,
                    "spacing_mm": 4.0,
                    "label": label,
                    "split": "train" if patient < 8 else "val" if patient < 10 else "test",
                    "lower": 0.0,
                    "upper": 1200.0,
                    "unit": "a.u.",
                }
            )
    intensity = {"scheme": "percentile", "lower": 0.0, "upper": 1200.0, "unit": "a.u."}
    intensity |= {"modality": "MR", "plane": "axial", "spacing_mm": 4.0}
    writer.finish(pd.DataFrame(rows), intensity, {"source": "blobs"})
    return SliceStore.open(path)

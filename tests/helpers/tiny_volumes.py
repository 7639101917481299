"""A small store of volumes, and the smallest configuration that trains on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.tiny import tiny_config
from medattngan.core.config import Config
from medattngan.core.types import Codes
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter

PATIENTS, SLICES, SIZE, STEP_MM = 10, 16, 32, 2.0


def ellipsoid(rng: np.random.Generator) -> Codes:
    """A bright ellipsoid with a texture that runs on from slice to slice: (SLICES, SIZE, SIZE) uint16."""
    z, y, x = np.mgrid[0:SLICES, 0:SIZE, 0:SIZE].astype(float)
    middle, radii = rng.uniform(-1.5, 1.5, 3), rng.uniform((7, 9, 7), (9, 13, 11))
    away = np.sqrt(
        ((z - SLICES / 2 - middle[0]) / radii[0]) ** 2
        + ((y - SIZE / 2 - middle[1]) / radii[1]) ** 2
        + ((x - SIZE / 2 - middle[2]) / radii[2]) ** 2
    )
    u, v, w = rng.uniform(0.2, 0.8, 3)
    waves = 0.2 * np.cos(u * z + v * y + w * x + rng.uniform(0, 6))
    inside = 1 / (1 + np.exp(12 * (away - 1)))
    return np.asarray(np.clip(inside * (0.6 + waves), 0, 1) * 65535, np.uint16)


def write_volume_store(path: Path, patients: int = PATIENTS, slices: int = SLICES) -> SliceStore:
    """Half of the patients train, two val, the rest test; one axial series each, a slice every STEP_MM."""
    path.mkdir(parents=True, exist_ok=True)
    rng, writer, rows = np.random.default_rng(3), StoreWriter(path), []
    for patient in range(patients):
        first, volume = rng.uniform(-1, 1), ellipsoid(rng)
        for number in range(slices):
            writer.add(volume[number])
            rows.append(
                {
                    "patient": f"patient-{patient:02d}", "series": f"series-{patient:02d}", "modality": "MR",
                    "plane": "axial", "position_mm": first + STEP_MM * number, "spacing_mm": 4.0, "label": None,
                    "split": "train" if patient < patients // 2 else "val" if patient < patients // 2 + 2 else "test",
                    "lower": 0.0, "upper": 500.0, "unit": "a.u.",
                }
            )  # fmt: skip
    intensity = {"scheme": "percentile", "lower": 0.0, "upper": 500.0, "unit": "a.u."}
    intensity |= {"modality": "MR", "plane": "axial", "spacing_mm": 4.0}
    writer.finish(pd.DataFrame(rows), intensity, {"source": "ellipsoids"})
    return SliceStore.open(path)


def stack_config(across: str = "attention", preset: str = "stack", **sections: Mapping[str, Any]) -> Config:
    """A few rounds of two stacks of eight slices; of `compact` the same networks without stacks."""
    few = {"kimg": 0.032, "minutes": None, "batch_size": 16, "log_kimg": 0.016, "validate_minutes": None}
    own: dict[str, Any] = {"stack": {"depth": 8, "across": across}} if preset == "stack" else {}
    given: dict[str, Any] = {"data": {"size": 32, "conditions": ["position_mm"]}, **own, **sections}
    return tiny_config(preset, **{**given, "train": few | dict(sections.get("train", {}))})


def volume_samples(plane: str = "axial", volumes: int = 2, slices: int = 9, side: int = 24) -> Samples:
    """Volumes as `sample` writes them, of which no two voxels need be alike, rows shuffled by nobody."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 65536, (volumes * slices, side, side)).astype(np.uint16)
    number = np.arange(volumes * slices)
    table = pd.DataFrame(
        {
            "number": number, "seed": 0, "label": pd.array([None] * len(number), "string"), "truncation": 1.0,
            "position_mm": -12.0 + 3.0 * (number % slices), "volume": number // slices, "slice": number % slices,
        }
    )  # fmt: skip
    intensity = {
        "lower": 0.0, "upper": 873.0, "unit": "a.u.", "modality": "MR", "plane": plane, "spacing_mm": 2.0,
        "slice_step_mm": 3.0,
    }  # fmt: skip
    about = {"count": volumes, "slices": slices, "step_mm": 3.0, "centre_mm": 0.0, "stacked": True}
    return Samples(codes, table, intensity, {"synthetic": True, "volumes": about})

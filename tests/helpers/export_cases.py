"""Samples to export, and one case of every kind of object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from medattngan.data.samples import Samples

CT = {"lower": -1350.0, "upper": 150.0, "unit": "HU", "modality": "CT", "plane": "axial", "spacing_mm": 1.37}
MR = {
    "lower": 0.0,
    "upper": 873.22334455,
    "unit": "a.u.",
    "modality": "MR",
    "plane": "coronal",
    "spacing_mm": 2.0,
}
CASES: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "ct": (CT, {"sop": "ct"}),
    "mr": (MR, {"sop": "mr"}),
    "sagittal mr": ({**MR, "plane": "sagittal"}, {"sop": "mr"}),
    "multi-frame": (MR, {"multiframe": True}),
    "multi-frame ct": (CT, {"multiframe": True}),
    "stamped": (CT, {"sop": "ct", "stamp": True}),
    "no overlay": (CT, {"overlay": False}),
    "multi-frame rle": (CT, {"multiframe": True, "transfer_syntax": "rle"}),
    "jpeg2000 mr": (MR, {"sop": "mr", "transfer_syntax": "jpeg2000"}),
    "jpegls": (CT, {"transfer_syntax": "jpegls"}),
}


def make_samples(intensity: dict[str, object], count: int = 3) -> Samples:
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:40, 0:64]
    ramp = rows * 900 + columns * 300
    codes = (ramp + rng.integers(0, 9000, (count, 40, 64))).astype(np.uint16)
    table = pd.DataFrame({"seed": range(count), "label": pd.array([None] * count, "string")})
    return Samples(codes, table, dict(intensity), {})


def files_of(path: Path) -> list[Path]:
    return sorted(path.rglob("*.dcm"))

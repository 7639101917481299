"""What a store says of all its slices is so of all of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pydicom
from helpers.export_cases import CT, files_of, make_samples
from helpers.tiny import tiny_config

from medattngan.data.store import SliceStore
from medattngan.stages.export.export import export
from medattngan.stages.ingest.assemble import _intensity
from medattngan.stages.train.select import describe


def table(**columns: object) -> pd.DataFrame:
    rows = {
        "split": "train", "unit": "a.u.", "scheme": "percentile", "lower": 0.0, "upper": 1.0, "modality": "MR",
        "plane": "axial", "spacing_mm": [5.0, 5.02, 4.99], **columns,
    }  # fmt: skip
    return pd.DataFrame(rows, index=range(3))


def test_a_store_tells_what_its_slices_have_in_common_and_nothing_else() -> None:
    alike = _intensity(table(), 64)
    assert (alike["modality"], alike["plane"], alike["spacing_mm"]) == ("MR", "axial", 5.0)
    mixed = {"spacing_mm": [4.3, 5.4, 7.8], "plane": ["axial", "axial", "coronal"], "modality": ["CR", "DX", "DX"]}
    unlike = _intensity(table(**mixed), 64)
    assert (unlike["modality"], unlike["plane"], unlike["spacing_mm"]) == ("OT", "acquired", None)


def test_pixels_of_unlike_sizes_leave_an_export_without_a_scale(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = tiny_config(data={"size": 64})
    assert describe(tiny_store, tiny_store, config)["intensity"]["spacing_mm"] == 2.0
    index = tiny_store.index.assign(spacing_mm=[4.3, 7.8] * (len(tiny_store) // 2))
    spacing = describe(tiny_store, SliceStore(tiny_store.path, index, tiny_store._rows), config)["intensity"]
    assert spacing["spacing_mm"] is None
    (file,) = files_of(export(make_samples({**CT, "spacing_mm": None}, 1), tmp_path / "dicom").path)
    assert "PixelSpacing" not in pydicom.dcmread(file)

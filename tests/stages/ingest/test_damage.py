"""A folder that was copied by half says so in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom.data import get_testdata_file

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.data.store import COLUMNS, SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.stages.ingest.ingest import ingest

INTENSITY = {"scheme": "window", "lower": 0.0, "upper": 1.0, "unit": "HU"}


def a_store(folder: Path) -> Path:
    folder.mkdir()
    writer = StoreWriter(folder)
    writer.add(np.arange(256, dtype=np.uint16).reshape(16, 16))
    row = {name: [0.0] if kind == "float64" else ["x"] for name, kind in COLUMNS.items()}
    writer.finish(pd.DataFrame(row), INTENSITY, {})
    return folder


def some_samples(folder: Path) -> Path:
    table = pd.DataFrame({"seed": [0], "label": ["x"]})
    Samples(np.arange(256, dtype=np.uint16).reshape(1, 16, 16), table, INTENSITY, {}).save(str(folder))
    return folder


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["part-00000.npy", "index.parquet", "intensity.json", "provenance.json"])
def test_a_store_with_half_a_file_is_damaged(tmp_path: Path, name: str, share: float) -> None:
    store = a_store(tmp_path / "store")
    assert len(SliceStore.open(store)) == 1
    whole = (store / name).read_bytes()
    (store / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="damaged"):
        SliceStore.open(store)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["pixels.npy", "samples.parquet", "intensity.json"])
def test_samples_with_half_a_file_are_damaged(tmp_path: Path, name: str, share: float) -> None:
    samples = some_samples(tmp_path / "samples")
    assert len(Samples.open(str(samples))) == 1
    whole = (samples / name).read_bytes()
    (samples / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="damaged"):
        Samples.open(samples)


def test_a_store_whose_index_lacks_a_column_is_damaged(tmp_path: Path) -> None:
    store = a_store(tmp_path / "store")
    pd.read_parquet(store / "index.parquet").drop(columns="split").to_parquet(store / "index.parquet")
    with pytest.raises(UserError, match=r"damaged: index\.parquet has .* bytes"):
        SliceStore.open(store)


def test_a_store_with_a_part_of_other_numbers_is_damaged(tmp_path: Path) -> None:
    store = a_store(tmp_path / "store")
    np.save(store / "part-00000.npy", np.zeros((1, 16, 16), np.float32))
    with pytest.raises(UserError, match="damaged: part-00000"):
        SliceStore.open(store)


def test_a_scan_cut_off_anywhere_in_its_header_is_set_aside(tmp_path: Path) -> None:
    whole = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    (tmp_path / "scans").mkdir()
    for length in [*range(128, 380, 9), 1000, 4000, len(whole) - 1]:
        (tmp_path / "scans" / str(length)).write_bytes(whole[:length])
    (tmp_path / "scans" / "whole").write_bytes(whole)
    store = ingest([tmp_path / "scans"], tmp_path / "store", size=32, split=(1.0, 0.0, 0.0), progress=False)
    assert len(store) == 1

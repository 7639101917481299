"""What we export, our own reader reads back to the same values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from medattngan.data.samples import Samples
from medattngan.stages.export.export import export
from medattngan.stages.ingest.ingest import ingest

SIZE = 40


def make_samples(modality: str, unit: str, lower: float, upper: float) -> Samples:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    noise = np.random.default_rng(7).integers(0, 9000, (3, SIZE, SIZE))
    codes = (rows * 900 + columns * 500 + noise).astype(np.uint16)
    table = pd.DataFrame({"seed": range(3), "label": pd.array([None] * 3, "string")})
    known = {
        "lower": lower,
        "upper": upper,
        "unit": unit,
        "modality": modality,
        "plane": "axial",
        "spacing_mm": 1.5,
    }
    return Samples(codes, table, known, {})


def ingest_back(path: Path, store: Path, **options: object) -> npt.NDArray[np.float32]:
    """What our own reader makes of exported files: physical values (count, H, W)."""
    opened = ingest([path], store, progress=False, **options)  # type: ignore[arg-type]
    return np.stack([opened.physical(i) for i in range(len(opened))])


@pytest.mark.parametrize("options", [{}, {"sop": "ct", "transfer_syntax": "jpegls"}, {"multiframe": True}], ids=str)
def test_ingest_reads_the_same_hounsfield_units_back(options: dict[str, object], tmp_path: Path) -> None:
    square = make_samples("CT", "HU", -1000.0, 400.0)
    path = export(square, tmp_path / "dicom", **options).path  # type: ignore[arg-type]
    back = ingest_back(path, tmp_path / "store", size=40, plane="acquired", window="-300,1400")
    wanted = np.stack([square.physical(i) for i in range(3)])
    order = [int(np.abs(wanted - one).mean((1, 2)).argmin()) for one in back]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(back, wanted[order], rtol=0, atol=square.map.step / 2)


@pytest.mark.slow
def test_ingest_reads_mr_back_wherever_its_own_percentiles_do_not_clip(tmp_path: Path) -> None:
    samples = make_samples("MR", "a.u.", 0.0, 873.22334455)
    store = ingest([export(samples, tmp_path / "dicom").path], tmp_path / "store", size=SIZE, progress=False)
    assert set(store.index["modality"]) == {"MR"}
    wanted = np.stack([samples.physical(i) for i in range(3)])
    for i, row in enumerate(store.index.itertuples()):
        back = store.physical(i)
        true = wanted[int(np.abs(wanted - back).mean((1, 2)).argmin())]
        inside = (true > row.lower) & (true < row.upper)
        assert inside.mean() > 0.9
        tolerance = (row.upper - row.lower) / 65535 / 2 + np.spacing(np.float32(row.upper))
        np.testing.assert_allclose(back[inside], true[inside], rtol=0, atol=tolerance)

"""Pixels that are said to be taller than wide become square, though nobody knows their size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.enhanced import item
from helpers.read_scans import RADIOGRAPH, found_in
from helpers.scan_files import write_dicom

from medattngan.scans.find import stacks
from medattngan.scans.options import Options
from medattngan.scans.prepare import Prepared, prepare
from medattngan.stages.ingest.worker import quiet


def disc(path: Path, tall: float, **attributes: Any) -> None:
    """A round disc of 80 of the wider pixels across, on pixels that are `tall` times as high as wide."""
    rows, columns = np.mgrid[: round(128 / max(tall, 1.0)), : round(128 * min(tall, 1.0))]
    high, wide = max(tall, 1.0), 1 / min(tall, 1.0)
    inside = ((rows + 0.5) * high - 64) ** 2 + ((columns + 0.5) * wide - 64) ** 2 < 40**2
    noise = np.random.default_rng(0).integers(0, 50, inside.shape)
    write_dicom(path, (inside * 2000 + noise).astype(np.uint16), **(RADIOGRAPH | {"PixelSpacing": None} | attributes))


def read(folder: Path) -> Prepared:
    with quiet():
        (series,) = stacks(found_in(folder), None, False)
        return prepare(series, Options(128, "acquired", (40.0, 400.0)))


def extent(prepared: Prepared) -> tuple[int, int]:
    """How high and how wide the disc is in the store, pixels of 128."""
    bright = prepared.map.decode(prepared.codes)[0] > 1000
    return int(bright.any(1).sum()), int(bright.any(0).sum())


@pytest.mark.parametrize(("tall", "ratio"), [(2.0, [2, 1]), (0.5, [1, 2]), (4 / 3, [4, 3]), (2.0, ["1000", "500"])])
@pytest.mark.parametrize("modality", ["CR", "US", "OT", "MR"])
def test_a_circle_is_as_high_as_wide(tmp_path: Path, tall: float, ratio: list[Any], modality: str) -> None:
    disc(tmp_path / "a", tall, PixelAspectRatio=ratio, Modality=modality)
    prepared = read(tmp_path)
    high, wide = extent(prepared)
    assert abs(high - 80) <= 2
    assert abs(wide - 80) <= 2
    assert math.isnan(prepared.spacing_mm)


@pytest.mark.parametrize("ratio", [[0, 1], [1, 0], [-2, 1], [100000, 1], [2], None])
def test_an_aspect_that_cannot_be_is_square(tmp_path: Path, ratio: list[int] | None) -> None:
    disc(tmp_path / "a", 1.0, **({} if ratio is None else {"PixelAspectRatio": ratio}))
    assert extent(read(tmp_path)) == (80, 80)


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing"])
def test_a_size_outweighs_an_aspect(tmp_path: Path, keyword: str) -> None:
    disc(tmp_path / "a", 2.0, **{"PixelAspectRatio": [1, 3], keyword: [0.4, 0.2]})
    prepared = read(tmp_path)
    assert all(abs(side - 80) <= 2 for side in extent(prepared))
    assert prepared.spacing_mm == pytest.approx(0.2)


def test_the_size_of_pixels_in_functional_groups_counts_without_a_place(tmp_path: Path) -> None:
    """As of projections of the breast, which lie nowhere in the patient."""
    shared = item(PixelMeasuresSequence=item(PixelSpacing=[0.4, 0.2]))
    disc(tmp_path / "a", 2.0, Modality="MG", NumberOfFrames=1, SharedFunctionalGroupsSequence=shared)
    prepared = read(tmp_path)
    assert all(abs(side - 80) <= 2 for side in extent(prepared))
    assert prepared.spacing_mm == pytest.approx(0.2)


def test_colour_that_is_grey_has_an_aspect_too(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:64, :128]
    inside = ((rows + 0.5) * 2 - 64) ** 2 + (columns + 0.5 - 64) ** 2 < 40**2
    grey = (inside * 200 + np.random.default_rng(0).integers(0, 20, inside.shape)).astype(np.uint8)
    colour: dict[str, Any] = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    colour |= {"Rows": 64, "Columns": 128, "PixelAspectRatio": [2, 1], "PixelSpacing": None}
    write_dicom(tmp_path / "a", np.stack([grey] * 3, -1), **colour, **RADIOGRAPH)
    prepared = read(tmp_path)
    bright = prepared.map.decode(prepared.codes)[0] > 100
    assert abs(int(bright.any(1).sum()) - int(bright.any(0).sum())) <= 2

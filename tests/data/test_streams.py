"""Any number of slices goes through the memory of a few."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.memory import peak_bytes

from medattngan.core.seal import seal
from medattngan.data.blocks import NpyWriter, blocks, read_rows
from medattngan.data.samples import Samples
from medattngan.data.slice_images import SliceImages
from medattngan.extractors.cache import content_digest
from medattngan.scans.text.letters import rows_with_letters
from medattngan.stages.export.export import export
from medattngan.stages.export.image import percentiles
from medattngan.stages.export.origin import samples_digest

COUNT, SIDE = 2048, 128
FILE_BYTES = 2 * COUNT * SIDE**2
"""64 MB: as float32 they would take 128 MB."""
FEW = 52_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "samples"
    path.mkdir()
    one = np.random.default_rng(0).integers(0, 65536, (64, SIDE, SIDE), dtype=np.uint16)
    with NpyWriter(path / "pixels.npy", (COUNT, SIDE, SIDE)) as pixels:
        for _ in range(COUNT // 64):
            pixels.write(one)
    table = pd.DataFrame({"seed": range(COUNT), "label": pd.array([None] * COUNT, "string")})
    table.to_parquet(path / "samples.parquet")
    for name in ("intensity", "provenance"):
        (path / f"{name}.json").write_text('{"lower": 0, "upper": 1, "unit": "a.u."}')
    seal(path, "samples")
    return path


def test_reading_all_slices_of_a_file_takes_the_memory_of_a_block(folder: Path) -> None:
    codes = Samples.open(folder).codes
    assert peak_bytes(lambda: [int(block.max()) for block in blocks(codes)]) < FEW < FILE_BYTES


def test_what_is_said_of_all_slices_takes_the_memory_of_a_block(folder: Path) -> None:
    samples = Samples.open(folder)
    assert peak_bytes(lambda: samples_digest(samples)) < FEW
    assert peak_bytes(lambda: percentiles(samples.codes, (0.1, 99.9))) < FEW
    some = SliceImages.of_codes(samples.codes)
    assert peak_bytes(lambda: content_digest(some)) < FEW
    assert peak_bytes(lambda: [batch.mean() for batch in some.take(range(0, COUNT, 2)).resized(64).batches()]) < FEW


def test_a_file_written_in_blocks_is_the_file_that_numpy_writes(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (5, 3, 4), dtype=np.uint16)
    with NpyWriter(tmp_path / "blocks.npy", (5, 3, 4)) as pixels:
        pixels.write(codes[:2])
        pixels.write(codes[2:])
    np.save(tmp_path / "whole.npy", codes)
    assert (tmp_path / "blocks.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    with pytest.raises(ValueError, match="3 slices"), NpyWriter(tmp_path / "short.npy", (5, 3, 4)) as pixels:
        pixels.write(codes[:2])


def test_rows_that_were_read_stay_when_the_file_is_gone_from_memory(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (5, 3, 4), dtype=np.uint16)
    np.save(tmp_path / "x.npy", codes)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    kept = read_rows(mapped, [4, 0])
    np.testing.assert_array_equal(read_rows(mapped, slice(None)), codes)
    np.testing.assert_array_equal(kept, codes[[4, 0]])


@pytest.mark.parametrize("key", [slice(1, 4), [3, 0], torch.tensor([2, 2]), 1, (slice(None), 0), (2, 0)], ids=str)
def test_images_made_on_demand_are_indexed_as_a_tensor_is(key: object) -> None:
    images = torch.rand(5, 1, 4, 4)
    assert torch.equal(SliceImages.of(images)[key], images[key])  # type: ignore[index]


@pytest.mark.parametrize("quantiles", [(0.1, 99.9), (0, 100), (25, 50), (33.3,)])
def test_percentiles_from_counts_are_those_of_numpy(quantiles: tuple[float, ...]) -> None:
    for seed in range(5):
        codes = np.random.default_rng(seed).integers(0, 60000, (3, 7, 5 + seed), dtype=np.uint16)
        assert percentiles(codes, quantiles) == np.percentile(codes, quantiles).tolist()


@pytest.mark.slow
def test_an_export_holds_one_object_at_a_time(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.stages.export.write.OBJECT_FRAMES", 128)
    report = export(folder, tmp_path / "warm", multiframe=True, limit=128, letters="keep")
    assert report.slices == 128
    assert peak_bytes(lambda: export(folder, tmp_path / "all", multiframe=True, letters="keep")) < FEW
    assert len(list((tmp_path / "all").rglob("*.dcm"))) == COUNT // 128


@pytest.mark.slow
def test_looking_for_letters_takes_the_memory_of_a_few_slices(folder: Path) -> None:
    codes = Samples.open(folder).codes
    rows_with_letters(codes, list(range(8)))  # the network is loaded once
    assert peak_bytes(lambda: rows_with_letters(codes, list(range(96)))) < 200_000_000  # at once they would take 600

"""The contact sheet: stacks from end to end, every sequence, and in words whose and where each tile is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import ImageDraw

from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.stages.inspect.inspect import inspect
from medattngan.stages.inspect.sheet import COLUMNS, ROWS, contact_sheet

SIZE = 32


def make_store(path: Path, stacks: list[tuple[str, int, str | None]]) -> SliceStore:
    """Stacks of (sequence, slices, label); slice k of a stack is even, k + 1 times 8 bright of 255."""
    path.mkdir()
    writer, rows = StoreWriter(path), []
    for number, (sequence, count, label) in enumerate(stacks):
        for k in range(count):
            writer.add(np.full((SIZE, SIZE), (k + 1) * 8 << 8, np.uint16))
            rows.append(
                {"patient": f"{number:016x}", "series": f"s{number:03d}", "modality": "MR", "plane": "axial",
                 "position_mm": 5.0 * k, "spacing_mm": 1.0, "label": label, "sequence": sequence,
                 "split": ("train", "val", "test")[number % 3], "lower": 0.0, "upper": 1.0, "unit": "a.u."}
            )  # fmt: skip
    index = pd.DataFrame(rows).astype({"sequence": "string"})
    writer.finish(index, {"scheme": "percentile", "lower": 0.0, "upper": 1.0, "unit": "a.u."}, {"source": "made"})
    return SliceStore.open(path)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is drawn."""
    texts: list[str] = []
    drawn = ImageDraw.ImageDraw.text

    def text(self: ImageDraw.ImageDraw, at: tuple[int, int], words: str, *more: object) -> None:
        texts.append(words)
        drawn(self, at, words, *more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return texts


def test_a_stack_is_shown_from_its_first_slice_to_its_last(tmp_path: Path, said: list[str]) -> None:
    sheet = contact_sheet(make_store(tmp_path / "store", [("T1", 30, "ill")]))
    middle = sheet[24 + 64]
    levels = [int(level) for level in dict.fromkeys(middle.tolist()) if level % 8 == 0 and level != 24]
    assert levels[0] == 8
    assert levels[-1] == 240
    assert said.count("0" * 16) == said.count("ill") == COLUMNS
    assert "train  0.0 mm" in said
    assert "train  145.0 mm" in said


def test_every_sequence_has_its_share_and_every_split_is_seen(tmp_path: Path, said: list[str]) -> None:
    contact_sheet(make_store(tmp_path / "store", [("T1", 9, None)] * 40 + [("FLAIR", 9, None)] * 2))
    assert "T1: 10 of 40 stacks" in said
    assert "FLAIR: 2 of 2 stacks" in said
    assert {words.split()[0] for words in said if words.endswith(" mm")} == {"train", "val", "test"}


def test_single_slices_fill_the_rows(tmp_path: Path, said: list[str]) -> None:
    contact_sheet(make_store(tmp_path / "store", [("OTHER", 1, None)] * 200))
    assert sum(words.startswith("0000") for words in said) == COLUMNS * ROWS


def test_inspect_counts_by_sequence(tmp_path: Path) -> None:
    told = inspect(make_store(tmp_path / "store", [("T1", 3, None), ("FLAIR", 2, None)]))
    assert "slices (patients) by sequence" in told
    assert "FLAIR" in told

"""The contact sheet of a store: stacks from end to end, each tile with whose it is, its split, label and position."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from medattngan.core.text import counted, shown
from medattngan.data.store import SliceStore

COLUMNS, ROWS = 8, 12
"""Tiles in a row, which are one stack where it has as many slices; rows on the sheet."""
TILE_PX = 128
"""How large a slice is drawn at least: small ones are enlarged by whole factors."""
GAP_PX, LINE_PX, FONT_PX = 4, 13, 11
PAPER, INK, HEADING = 24, 200, 255
HEADING_PX = 24


def contact_sheet(store: SliceStore) -> npt.NDArray[np.uint8]:
    """Slices of up to ROWS stacks, the first, the last and quantiles between them, as an 8-bit picture.

    Stacks are drawn from every sequence (or modality, where the store has none), in turns, evenly over splits and
    labels. Each slice is drawn as the network sees it: black is the lower end of its map and white the upper.
    """
    strata = [(name, rows) for name, stacks in _strata(store.index).items() if (rows := _rows(stacks))]
    zoom = max(1, -(-TILE_PX // store.size))
    tile = store.size * zoom
    lines = 3 if store.index["label"].notna().any() else 2
    step = tile + GAP_PX, tile + lines * LINE_PX + GAP_PX
    height = sum(HEADING_PX + len(rows) * step[1] for _, rows in strata)
    sheet = Image.new("L", (COLUMNS * step[0] + GAP_PX, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = 0
    for name, rows in strata:
        draw.text((GAP_PX, top + 5), _fitting(name, sheet.width), HEADING, _font())
        top += HEADING_PX
        for row in rows:
            for column, i in enumerate(row):
                left = GAP_PX + column * step[0]
                grey = (store.codes(i) >> 8).astype(np.uint8)
                sheet.paste(Image.fromarray(grey.repeat(zoom, 0).repeat(zoom, 1)), (left, top))
                for line, words in enumerate(_caption(store.index.iloc[i])[:lines]):
                    draw.text((left, top + tile + line * LINE_PX), _fitting(words, tile), INK, _font())
            top += step[1]
    return np.asarray(sheet)


def _caption(row: pd.Series) -> tuple[str, str, str]:
    """Whose; which split, and where; the label, empty where there is none."""
    position = "" if pd.isna(row["position_mm"]) else f"{row['position_mm']:.1f} mm"
    label = "" if pd.isna(row["label"]) else shown(row["label"])
    return shown(row["patient"]), "  ".join(filter(None, (str(row["split"]), position))), label


def _strata(index: pd.DataFrame) -> dict[str, list[list[int]]]:
    """The stacks to be shown, as rows of the index in the order of the stack, by the name of their stratum."""
    by = "sequence" if "sequence" in index and index["sequence"].notna().any() else "modality"
    names = index["modality"].astype(str).where(index[by].isna(), index[by].astype(str))
    found = {}
    for name, part in index.groupby(names, sort=True):
        firsts = part.drop_duplicates("series").sort_values(["split", "label", "series"], kind="stable")
        of_series = part.groupby("series", sort=False).groups
        found[str(name)] = [of_series[series].tolist() for series in firsts["series"]]
    tiles = {name: sum(min(len(stack), COLUMNS) for stack in stacks) for name, stacks in found.items()}
    shares = _shares([-(-count // COLUMNS) for count in tiles.values()])
    shown_of = {}
    for (name, stacks), rows in zip(found.items(), shares, strict=True):
        some = _even(len(stacks), max(1, rows * COLUMNS * len(stacks) // tiles[name]))
        shown_of[f"{name}: {len(some)} of {counted(len(stacks), 'stacks')}"] = [stacks[i] for i in some]
    return shown_of


def _shares(counts: Sequence[int]) -> list[int]:
    """ROWS dealt out in turns, to none more than it needs, and one to each at least.

    >>> _shares([100, 3]), _shares([2])
    ([9, 3], [2])
    """
    shares = [1] * len(counts)
    while sum(shares) < ROWS and any(share < count for share, count in zip(shares, counts, strict=True)):
        open_ones = [i for i, count in enumerate(counts) if shares[i] < count]
        shares[min(open_ones, key=lambda i: (shares[i], i))] += 1
    return shares


def _rows(stacks: Sequence[Sequence[int]]) -> list[list[int]]:
    """Each stack a row of COLUMNS, and those of fewer slices one after the other."""
    long = [[stack[i] for i in _even(len(stack), COLUMNS)] for stack in stacks if len(stack) >= COLUMNS]
    short = [i for stack in stacks if len(stack) < COLUMNS for i in stack]
    return [*long, *(short[i : i + COLUMNS] for i in range(0, len(short), COLUMNS))]


def _even(length: int, count: int) -> list[int]:
    """`count` places of `length`, the first and the last among them.

    >>> _even(120, 4), _even(2, 8), _even(9, 1)
    ([0, 40, 79, 119], [0, 1], [4])
    """
    if count == 1:
        return [length // 2] if length else []
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int)).tolist() if length else []


@cache
def _font() -> ImageFont.FreeTypeFont:
    """The one that every installation of matplotlib has; it knows Latin, Greek and Cyrillic."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", FONT_PX)


def _fitting(words: str, width: int) -> str:
    """As much of a text as `width` pixels hold."""
    if _font().getlength(words) <= width:
        return words
    while words and _font().getlength(f"{words}…") > width:
        words = words[:-1]
    return f"{words}…"

"""Sheets of synthetic slices: one a seed, and every pair of two rows of them. Each says that it is synthetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from medattngan.core.plots import save_picture
from medattngan.core.types import Images

BANNER = "SYNTHETIC slices, no patients"
HEAD = 0.18
"""Room for the words above a slice, as a share of its height."""


def save_seeds(path: Path, images: Images, seeds: Sequence[int]) -> None:
    """Images (N, 1, H, W) in [-1, 1] with their seeds, as near to a square as they go."""
    columns = math.ceil(math.sqrt(len(images)))
    _save_sheet(path, images, [str(seed) for seed in seeds], columns, f"{BANNER}: one a seed")


def save_mixing(path: Path, coarse: Images, fine: Images, pairs: Images, seeds: Sequence[int]) -> None:
    """Sources of the coarse styles in the first column, of the fine ones in the first row, and each pair between.

    Args:
        coarse, fine: (n, 1, H, W) in [-1, 1].
        pairs: (n², 1, H, W), row by row.
        seeds: of `coarse`, then of `fine`.
    """
    count = len(coarse)
    shown, words = [coarse[0] * 0 - 1, *fine], ["fine →, coarse ↓", *(str(seed) for seed in seeds[count:])]
    for row in range(count):
        shown += [coarse[row], *pairs[row * count : (row + 1) * count]]
        words += [str(seeds[row]), *[""] * count]
    title = f"{BANNER}: coarse styles of one seed, fine ones of another"
    _save_sheet(path, shown, words, count + 1, title)


def _save_sheet(path: Path, images: Sequence[Images] | Images, words: Sequence[str], columns: int, title: str) -> None:
    """Slices (1, H, W) row by row, each beneath its words."""
    size = images[0].shape[-1]
    rows, head = -(-len(images) // columns), round(HEAD * size)
    sheet = np.full((rows, size + head, columns, size), np.nan, np.float32)
    figure = Figure(figsize=(max(4.5, 1.1 * columns), 0.5 + 1.1 * (1 + HEAD) * rows), layout="constrained")
    axes = figure.subplots()
    for number, (image, word) in enumerate(zip(images, words, strict=True)):
        row, column = divmod(number, columns)
        sheet[row, head:, column] = image[0].numpy()
        axes.text((column + 0.5) * size, row * (size + head) + head / 2, word, fontsize=7, ha="center", va="center")
    whole = sheet.reshape(rows * (size + head), columns * size)
    axes.imshow(whole, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    figure.suptitle(title, fontsize=9)
    save_picture(path, figure, dpi=150)

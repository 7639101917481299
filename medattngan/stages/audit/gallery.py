"""The closest pairs side by side, for a person to judge. The picture shows slices of training patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from medattngan.core.plots import save_picture

COLUMNS = 4
MOST_PAIRS = 24
ROOM, INK, FRAME = "#0b0d0e", "0.9", "0.45"
"""Ground, words, and frames of what is not flagged: dark, as slices are looked at, on any page."""


@dataclass(frozen=True)
class Pair:
    """A sample and the training slice nearest to it, (H, W) in [-1, 1] each."""

    number: int
    sample: npt.NDArray[np.float32]
    training: npt.NDArray[np.float32]
    score: float
    flagged: bool


def save_gallery(path: Path, pairs: Sequence[Pair]) -> None:
    """Write `pairs`, closest first, as PNG: sample on the left, training slice on the right."""
    rows = max(1, -(-len(pairs) // COLUMNS))
    figure = Figure(figsize=(3.1 * COLUMNS, 1.95 * rows + 0.6), layout="constrained", facecolor=ROOM)
    figure.suptitle(
        "Left: synthetic. Right: the nearest slice of a TRAINING PATIENT. Below 1: flagged as a copy",
        fontsize=11,
        color=INK,
    )
    for position, pair in enumerate(pairs, 1):
        axes = figure.add_subplot(rows, COLUMNS, position)
        gap = np.ones((pair.sample.shape[0], 2), np.float32)
        axes.imshow(np.hstack([pair.sample, gap, pair.training]), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        verdict = "FLAGGED" if pair.flagged else "not flagged"
        axes.set_title(f"sample {pair.number}: {pair.score:.2f}, {verdict}", fontsize=8, color=INK)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color("tab:red" if pair.flagged else FRAME)
        axes.spines[:].set_linewidth(2.5 if pair.flagged else 0.8)
    save_picture(path, figure, dpi=110)

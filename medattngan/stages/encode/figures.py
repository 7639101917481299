"""The pictures of an anomaly search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from medattngan.core.plots import save_picture
from medattngan.core.types import Images
from medattngan.statistics.roc import area, roc_points

Scores = npt.NDArray[np.float64]
ODDEST = 12


def save_roc(path: Path, clean: Scores, changed: Mapping[str, Scores]) -> None:
    """A curve for each kind of change: changed slices are to score higher than the same ones unchanged."""
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    for kind, scores in changed.items():
        thresholds = np.unique(np.concatenate([scores, clean]))
        axes.plot(*roc_points(scores, clean, thresholds), label=f"{kind} {area(scores, clean):.2f}", lw=1.3)
    axes.plot([0, 1], [0, 1], color="0.7", lw=0.8)
    axes.set(xlabel="unchanged slices above the threshold", ylabel="changed slices above it", aspect="equal")
    axes.legend(fontsize=8, frameon=False)
    save_picture(path, figure)


def save_oddest(path: Path, images: Images, made: Images, scores: Scores) -> None:
    """The slices of the highest scores, what the run makes of them, and the difference, oddest first."""
    rows = np.argsort(-scores, kind="stable")[:ODDEST].tolist()
    figure = Figure(figsize=(0.6 + 1.0 * len(rows), 3.6), layout="constrained")
    axes = figure.subplots(3, len(rows), squeeze=False)
    for column, row in enumerate(rows):
        real, drawn = images[row, 0].numpy(), made[row, 0].numpy()
        for place, (picture, colours, top) in enumerate(
            ((real, "gray", 1), (drawn, "gray", 1), (real - drawn, "RdBu_r", 1))
        ):
            axes[place, column].imshow(picture, cmap=colours, vmin=-top, vmax=top)
            axes[place, column].set(xticks=[], yticks=[])
        axes[0, column].set_title(f"{scores[row]:.3f}", fontsize=7)
    for place, name in enumerate(("real slice", "redrawn", "difference")):
        axes[place, 0].set_ylabel(name, fontsize=8)
    figure.suptitle("Slices of patients, not synthetic: highest anomaly scores first", fontsize=9)
    save_picture(path, figure)

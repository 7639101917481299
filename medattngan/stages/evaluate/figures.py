"""The pictures that lie beside scores.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from medattngan.core.plots import save_picture
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages

SIDE = 6
_WIDTH, _LETTER = 8.0, 0.09
"""Inches: of the figure of scores, and of a letter at matplotlib's 10 points."""


def save_contact_sheet(path: Path, real: Images | SliceImages, fake: Images | SliceImages) -> None:
    """Write real slices on the left and synthetic ones on the right, up to 36 each, as PNG."""
    figure = Figure(figsize=(10, 5.4))
    for left, title, images in ((0.01, "real", real), (0.51, "synthetic", fake)):
        axes = figure.add_axes((left, 0.02, 0.48, 0.9))
        axes.imshow(tile(images), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(title)
        axes.set_axis_off()
    save_picture(path, figure)


def save_scores(path: Path, scores: Mapping[str, Mapping[str, Any]]) -> None:
    """Write one panel a metric as PNG: the value with its 95 % interval, and the floor as a line."""
    height = 1.1 * len(scores)
    # Places are given and not sought by matplotlib's layout, which takes longer than drawing does.
    left = min(0.7, 0.03 + max(map(len, scores)) * _LETTER / _WIDTH)
    figure = Figure(figsize=(_WIDTH, height))
    for position, (name, score) in enumerate(scores.items(), 1):
        axes = figure.add_axes((left, 1 - (position - 0.3) / len(scores), 0.97 - left, 0.55 / len(scores)))
        low, high = score["ci95"]
        value = score["value"]
        axes.errorbar([value], [0], xerr=[[value - low], [high - value]], fmt="ko", capsize=5)
        axes.axvline(score["floor"], color="tab:blue", linestyle="--")
        axes.annotate("real", (score["floor"], 0.3), color="tab:blue", xytext=(3, 0), textcoords="offset points")
        axes.set_ylim(-1, 1)
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.margins(x=0.15)
        axes.spines[["left", "right", "top"]].set_visible(False)
    save_picture(path, figure)


def tile(images: Images | SliceImages, side: int = SIDE) -> npt.NDArray[np.float32]:
    """The first side² images as one square picture, missing ones black: (side·H, side·W)."""
    height, width = images.shape[-2:]
    picture = np.full((side * side, height, width), -1.0, np.float32)
    shown = images[: side * side, 0].cpu().numpy()
    picture[: len(shown)] = shown
    return picture.reshape(side, side, height, width).swapaxes(1, 2).reshape(side * height, side * width)

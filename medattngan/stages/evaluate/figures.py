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
from medattngan.metrics.table import DIRECTIONS, heading_of

SIDE = 6
_WIDTH, _LETTER, _TOP = 8.0, 0.085, 0.35
"""Inches: of the figure of scores, of a letter at 9 points, and of the line above all panels."""
_KEY = "Synthetic slices, 95 % interval; dashed: real slices of other patients (real-vs-real baseline)"


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
    """Write one panel a metric as PNG: what it is and which way is better, the value with its 95 % interval, and as a
    line the baseline, which real slices of other patients score."""
    names = {name: f"{heading_of(name)}\n{name}\n{DIRECTIONS[score['better']]}" for name, score in scores.items()}
    longest = max(len(line) for words in names.values() for line in words.splitlines())
    height = 1.1 * len(scores) + _TOP
    # Places are given and not sought by matplotlib's layout, which takes longer than drawing does.
    left = min(0.7, 0.03 + longest * _LETTER / _WIDTH)
    figure = Figure(figsize=(_WIDTH, height))
    figure.text(0.5, 1 - 0.6 * _TOP / height, _KEY, ha="center", fontsize=9)
    for position, (name, score) in enumerate(scores.items(), 1):
        bottom = 1 - (_TOP + 1.1 * (position - 0.3)) / height
        axes = figure.add_axes((left, bottom, 0.97 - left, 0.6 / height))
        low, high = score["ci95"]
        value = score["value"]
        axes.errorbar([value], [0], xerr=[[value - low], [high - value]], fmt="ko", capsize=5)
        axes.axvline(score["floor"], color="tab:blue", linestyle="--")
        axes.annotate("baseline", (score["floor"], 0.3), color="tab:blue", xytext=(3, 0), textcoords="offset points")
        axes.set_ylim(-1, 1)
        axes.set_yticks([])
        axes.set_ylabel(names[name], rotation=0, ha="right", va="center", fontsize=9)
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

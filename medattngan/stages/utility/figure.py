"""The picture beside utility.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from medattngan.core.plots import save_picture


def save_figure(path: Path, results: dict[str, Any]) -> None:
    """Write one panel a number of images and start as PNG: every arm's balanced accuracy with its 95 % interval."""
    figure = Figure(figsize=(9, 0.8 + 2.4 * len(results)), layout="constrained")
    for position, result in enumerate(results.values(), 1):
        axes = figure.add_subplot(len(results), 1, position)
        arms = result["balanced_accuracy"]["arms"]
        for row, (arm, score) in enumerate(arms.items()):
            low, high = score["ci95"]
            error = [[max(score["value"] - low, 0)], [max(high - score["value"], 0)]]
            axes.errorbar(
                [score["value"]], [row], xerr=error, fmt="s" if "synthetic" in arm else "o", color="k", capsize=4
            )
        axes.set_yticks(range(len(arms)), list(arms))
        axes.invert_yaxis()
        best = result["balanced_accuracy"]["baseline"]
        axes.axvline(arms[best]["value"], color="grey", linestyle="--", linewidth=1)
        axes.set_title(f"{result['per_class']} real images per class, GAN from {result['start']}", fontsize=10)
        axes.set_xlabel(f"balanced accuracy on untouched patients (higher is better; dashed: baseline, {best})")
        axes.spines[["left", "right", "top"]].set_visible(False)
    save_picture(path, figure)

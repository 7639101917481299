"""The pictures of parts: each label's scores, and where in the volume slices lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from medattngan.core.plots import save_picture
from medattngan.stages.evaluate.by_label import SHOWN, ByLabel

REAL = "tab:blue"


def save_labels(path: Path, found: ByLabel) -> None:
    """Write a panel a metric as PNG: the value of each label with its 95 % interval, and as a tick what real slices of
    other patients score."""
    figure = Figure(figsize=(10, 1.2 + 0.35 * len(found)))
    names = list(found)
    longest = min(0.3, 0.03 + 0.009 * max(map(len, names)))
    width = (0.98 - longest) / len(SHOWN)
    for column, metric in enumerate(SHOWN):
        axes = figure.add_axes((longest + column * width, 0.2, width - 0.03, 0.62))
        for row, name in enumerate(names):
            one = found[name].get(metric)
            if one is not None:
                low, high = one["ci95"]
                axes.plot([low, high], [row, row], color="k", linewidth=1)
                axes.plot([one["value"]], [row], "ko")
                axes.plot([one["floor"]], [row], "|", color=REAL, markersize=14, markeredgewidth=2)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), names if column == 0 else [""] * len(names))
        axes.set_title(metric)
        axes.spines[["left", "right", "top"]].set_visible(False)
    figure.text(0.02, 0.03, "point: synthetic, with 95 % interval    blue: real slices of other patients", fontsize=9)
    save_picture(path, figure)


def save_positions(path: Path, found: Mapping[str, Any]) -> None:
    """Write how often slices lie in each tenth of the volume as PNG: synthetic ones as bars, real ones as lines."""
    figure = Figure(figsize=(6, 3.2))
    axes = figure.add_axes((0.11, 0.17, 0.86, 0.7))
    tenths = found["tenths"]
    centres = [(i + 0.5) / len(tenths["real"]) for i in range(len(tenths["real"]))]
    axes.bar(centres, tenths["synthetic"], width=0.9 / len(centres), color="0.75", label="synthetic")
    axes.plot(centres, tenths["real"], "o-", color=REAL, label="real")
    axes.plot(centres, tenths["other"], "--", color=REAL, linewidth=1, label="real, other patients")
    axes.set_xlabel("place in the volume, 0 the lowest slice")
    axes.set_ylabel("share of the slices")
    axes.set_title(f"coverage {found['coverage']:.2f}, real {found['floor']:.2f}")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["right", "top"]].set_visible(False)
    save_picture(path, figure)

"""The picture of what lies through the plane: likeness by distance, and power by frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

NAMES = {"real": "real", "other": "other real patients", "fake": "synthetic"}
COLOURS = {"real": "#1f4e79", "other": "#8fb4d9", "fake": "#c8553d"}


def through_figure(
    likeness: Mapping[str, Any], power: Mapping[str, Sequence[float]], described: Mapping[str, Any]
) -> Figure:
    """Two axes: SSIM against mm, and power against cycles per mm.

    Args:
        likeness, power: as `volumes.json` has them, by kind.
        described: with `slices` and `step_mm`.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    distances = [key for key in likeness if key.endswith(" mm")]
    for kind, name in NAMES.items():
        values = [likeness[key][kind] for key in distances]
        mm = [float(key.removesuffix(" mm")) for key in distances]
        left.plot(mm, [one["value"] for one in values], "o-", color=COLOURS[kind], label=name)
        ends = [[one["ci95"][end] for one in values] for end in (0, 1)]
        left.fill_between(mm, *ends, color=COLOURS[kind], alpha=0.15)
        cycles = [(i + 1) / (described["slices"] * described["step_mm"]) for i in range(len(power[kind]))]
        right.plot(cycles, power[kind], color=COLOURS[kind], label=name)
    left.set(xlabel="distance of slices, mm", ylabel="SSIM", ylim=(0, 1))
    right.set(xlabel="cycles per mm along the normal", ylabel="power", yscale="log")
    left.legend()
    return figure

"""The pictures beside stats.json, readable without colour: shades, dashes, hatches and marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from medattngan.core.plots import save_picture
from medattngan.review.statistics.reads import Reads
from medattngan.statistics.roc import mean_curve, roc_points

INK, GREY = "#1d2327", "#7a8087"
DASHES = ("--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (8, 2, 1, 2)))
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
NAMED = 8
"""More readers than this are drawn alike and not named."""


def save_roc(path: Path, reads: Reads, pooled: dict[str, Any]) -> None:
    """Each reader's ROC curve, and their mean, against the diagonal of who guesses."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, label="guessing")
    steps = np.unique(reads.scores[np.isfinite(reads.scores)])
    curves = []
    for row, name in enumerate(reads.readers):
        read = np.isfinite(reads.scores[row])
        synthetic, real = (reads.scores[row, read & chosen] for chosen in (reads.synthetic, ~reads.synthetic))
        if len(synthetic) and len(real):
            curves.append(roc_points(synthetic, real, steps))
            label = name if len(reads.readers) <= NAMED else None
            dashes, mark = DASHES[row % len(DASHES)], MARKS[row % len(MARKS)]
            axes.plot(*curves[-1], color=GREY, linestyle=dashes, marker=mark, markersize=4, linewidth=1, label=label)
    if curves:
        area = pooled["auc"]["value"]
        named = "mean" if area is None else f"mean, AUC {area:.2f}"
        axes.plot(*mean_curve(curves), color=INK, linewidth=2.2, label=named)
        axes.legend(loc="lower right", frameon=False, handlelength=3.5)
    else:
        _say(axes, "No reader saw both real and synthetic slices.")
    axes.set(xlabel="real slices called synthetic (1 - specificity)", ylabel="synthetic slices called synthetic")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", title="Can readers tell?")
    _save(figure, path)


def save_confidence(path: Path, reads: Reads) -> None:
    """The share of reads at each step of the authenticity question, real beside synthetic."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    steps = np.unique(np.append(reads.scores[np.isfinite(reads.scores)], reads.middle))
    places = np.arange(len(steps))
    looks = (("real", ~reads.synthetic, -0.2, "white", "///"), ("synthetic", reads.synthetic, 0.2, GREY, None))
    for name, chosen, shift, face, hatch in looks:
        given = reads.scores[:, chosen]
        given = given[np.isfinite(given)]
        if len(given):
            shares = [100 * float(np.mean(given == step)) for step in steps]
            label = f"{name} slices, {len(given)} reads"
            axes.bar(places + shift, shares, 0.4, color=face, edgecolor=INK, hatch=hatch, label=label)
    axes.set_xticks(places, [_step_name(step, steps, reads.middle) for step in steps])
    axes.set(xlabel="answers", ylabel="% of reads", title="Confidence")
    axes.legend(loc="upper center", frameon=False, ncols=2)
    axes.set_ylim(0, 1.2 * axes.get_ylim()[1])
    _save(figure, path)


def _step_name(step: float, steps: npt.NDArray[np.float64], middle: float) -> str:
    if step == middle:
        return f"{step:g}\ncannot tell"
    if step == steps[0] and step < middle:
        return f"{step:g}\nreal"
    if step == steps[-1] and step > middle:
        return f"{step:g}\nsynthetic"
    return f"{step:g}"


def save_choices(path: Path, stats: dict[str, Any]) -> None:
    """In what share of pairs each reader named the synthetic one, and all together, with intervals."""
    figure = Figure(figsize=(6, 1.4 + 0.3 * len(stats["readers"])), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(50, color=GREY, linewidth=0.8, linestyle="--")
    rows = [(entry["reader"], entry["right"]) for entry in stats["readers"]] + [("pooled", stats["right"])]
    for place, (name, entry) in enumerate(rows):
        if entry["value"] is not None:
            low, high = (100 * end for end in entry["ci95"])
            weight = 2.2 if name == "pooled" else 1
            axes.plot([low, high], [place, place], color=INK, linewidth=weight)
            axes.plot(100 * entry["value"], place, "D" if name == "pooled" else "o", color=INK)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set(xlabel="% of pairs in which the synthetic one was named; 50 is guessing", xlim=(0, 100))
    axes.set(ylim=(len(rows) - 0.5, -0.5), title="Can readers tell?")
    _save(figure, path)


def save_times(path: Path, reads: Reads, order: dict[str, Any]) -> None:
    """Above: seconds a case along each reader's order. Below: the share right in each third of it."""
    figure = Figure(figsize=(6.5, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(2, 1))
    for row, name in enumerate(reads.readers):
        known = np.isfinite(reads.position[row]) & np.isfinite(reads.seconds[row])
        ranked = np.argsort(reads.position[row, known], kind="stable")
        position, seconds = reads.position[row, known][ranked], reads.seconds[row, known][ranked]
        label = name if len(reads.readers) <= NAMED else None
        dashes, mark = DASHES[row % len(DASHES)], MARKS[row % len(MARKS)]
        above.plot(position, seconds, mark, color=GREY, markersize=2.5, alpha=0.5)
        above.plot(position, _running_median(seconds), color=INK, linestyle=dashes, linewidth=1.4, label=label)
    known_times = reads.seconds[np.isfinite(reads.seconds)]
    if len(known_times) and known_times.min() > 0:
        above.set_yscale("log")
        above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        above.yaxis.set_major_formatter("{x:g}")
        above.yaxis.set_minor_formatter(NullFormatter())
    above.set(
        xlabel="case number in the reader's order", ylabel="seconds", title="Time per case (line: running median)"
    )
    if len(reads.readers) <= NAMED and len(known_times):
        above.legend(
            loc="lower center", bbox_to_anchor=(0.5, -0.34), frameon=False, handlelength=3, ncols=4, fontsize=8
        )
    for third in order["thirds"]:
        value, (low, high) = third["accuracy"], third["ci95"]
        below.errorbar(third["part"], value, yerr=[[value - low], [high - value]], fmt="ko", capsize=5)
    below.axhline(0.5, color=GREY, linestyle=":")
    below.set_xticks([1, 2, 3], ["first third", "second third", "last third"])
    below.set(xlim=(0.5, 3.5), ylim=(0, 1), ylabel="share right", title="Learning or fatigue")
    _save(figure, path)


def _running_median(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    half = max(9, len(values) // 6) // 2
    return np.array([np.median(values[max(0, place - half) : place + half + 1]) for place in range(len(values))])


def _say(axes: Axes, words: str) -> None:
    axes.text(0.5, 0.5, words, ha="center", va="center", wrap=True)


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    save_picture(path, figure)

"""The pictures of an explanation. Each says that what it shows is synthetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from medattngan.core.plots import save_picture
from medattngan.core.types import Images
from medattngan.data.masks import Masks
from medattngan.stages.explain.maps import Attended, Map, Point

LEAST_TOP = 2.0
"""Colours reach to twice the even share at least: an attention that reads everywhere alike shall look so."""
MARKS = "osD^v<>PX*"
BANNER = "SYNTHETIC slice, no patient"


def save_maps(
    path: Path, image: Images, attended: Attended, points: Mapping[str, Point], found: Mapping[str, Mapping[str, Map]]
) -> None:
    """One row a query point: the slice (1, 1, H, W) with the point, then what that point reads, map by map."""
    kinds = list(next(iter(found.values())))
    top = max(LEAST_TOP, max(float(np.quantile(one, 0.995)) for maps in found.values() for one in maps.values()))
    columns = 1 + len(kinds)
    figure = Figure(figsize=(1.4 + 1.9 * columns, 1.2 + 1.9 * len(points)), layout="constrained")
    axes = figure.subplots(len(points), columns, squeeze=False)
    shares = attended.shares()
    for row, (name, point) in enumerate(points.items()):
        draw_slice(axes[row, 0], image)
        _mark(axes[row, 0], point, row)
        axes[row, 0].set_title(name, fontsize=9)
        for column, kind in enumerate(kinds, 1):
            shown = axes[row, column]
            draw_slice(shown, image)
            size = image.shape[-1]
            drawn = shown.imshow(
                found[name][kind], cmap="inferno", vmin=0, vmax=top, alpha=0.75, interpolation="nearest",
                extent=(-0.5, size - 0.5, size - 0.5, -0.5),
            )  # fmt: skip
            _mark(shown, point, row)
            if row == 0:  # below, they are the same
                shown.set_title(f"{kind} ({shares[kind]:.0%})" if kind in shares else kind, fontsize=9)
    figure.colorbar(drawn, ax=axes, shrink=0.6, label="times uniform attention")
    figure.suptitle(f"{BANNER}\n{describe(attended)}", fontsize=9)
    save_picture(path, figure)


def save_mask(path: Path, image: Images, mask: Masks, names: Sequence[str], *, of_patient: bool) -> None:
    """A slice (1, 1, H, W), and the same with its mask (H, W) over it, a colour a class; `names` by number."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    for shown in axes:
        draw_slice(shown, image)
    colours = mpl.colormaps["tab20"]
    for number in (number for number in np.unique(mask) if number):
        layer = np.zeros((*mask.shape, 4))
        layer[mask == number] = (*colours((number - 1) % colours.N)[:3], 0.6)
        axes[1].imshow(layer, interpolation="nearest")
        axes[1].plot([], [], "s", color=colours((number - 1) % colours.N), label=names[number])
    if mask.any():
        figure.legend(loc="outside right center", fontsize=8, frameon=False)
    whose = ", drawn from the mask of a patient" if of_patient else ", and its mask"
    figure.suptitle(BANNER.partition(",")[0] + whose, fontsize=9)
    save_picture(path, figure)


def describe(attended: Attended) -> str:
    """An attention in words."""
    height, width = attended.before.shape[-2:]
    return (
        f"{attended.network} {attended.number}: {attended.kind} at {height} × {width}\n"
        f"γ = {attended.gamma:.3f}, adds {attended.added:.1%} to its input"
    )


def save_strips(path: Path, strips: Mapping[str, tuple[Images, Sequence[str]]]) -> None:
    """One row a way: its slices (steps, 1, H, W) side by side, each with its words beneath."""
    columns = max(len(images) for images, _ in strips.values())
    figure = Figure(figsize=(0.2 + 1.15 * columns, 0.5 + 1.7 * len(strips)), layout="constrained")
    axes = figure.subplots(len(strips), 1, squeeze=False)[:, 0]
    for shown, (name, (images, words)) in zip(axes, strips.items(), strict=True):
        size = images.shape[-1]
        _picture(shown, torch.cat(list(images[:, 0]), 1))
        for column in range(len(images)):
            _stamp(shown, column * size, size)
        shown.set_xticks([(column + 0.5) * size for column in range(len(images))], words, fontsize=8)
        shown.tick_params(length=0)
        shown.set_xlim(-0.5, columns * size - 0.5)
        shown.set_frame_on(False)
        shown.set_title(name, fontsize=9, loc="left")
    figure.suptitle(f"{BANNER}, in every picture", fontsize=9)
    save_picture(path, figure)


def save_gates(path: Path, attended: Sequence[Attended]) -> None:
    """One row an attention: its gate γ, how much it adds, and the shares of its experts where it has any."""
    figure = Figure(figsize=(9, 1.0 + 0.6 * len(attended)), layout="constrained")
    experts = list(dict.fromkeys(name for one in attended for name in one.shares()))
    gammas, added, *more = figure.subplots(1, 3 if experts else 2, sharey=True)
    names = [f"{one.network} {one.number}\n{one.kind}, {one.height} px" for one in attended]
    places = range(len(attended))
    gammas.barh(places, [one.gamma for one in attended], color="0.4")
    gammas.axvline(0, color="k", linewidth=0.8)
    gammas.set_xlabel("gate γ")
    gammas.locator_params(axis="x", nbins=4)
    added.barh(places, [100 * one.added for one in attended], color="0.4")
    added.set_xlabel("added to the input, %")
    if experts:
        _shares(more[0], attended, experts)
    gammas.set_yticks(list(places), names, fontsize=8)
    gammas.invert_yaxis()
    figure.suptitle(f"Gates at one {BANNER}", fontsize=9)
    save_picture(path, figure)


def _shares(axes: Axes, attended: Sequence[Attended], experts: Sequence[str]) -> None:
    left = np.zeros(len(attended))
    for expert in experts:
        part = np.array([one.shares().get(expert, 0.0) for one in attended])
        axes.barh(range(len(attended)), part, left=left, label=expert)
        left += part
    axes.set_xlabel("shares of a dynamic attention")
    axes.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(experts), frameon=False)


def draw_slice(axes: Axes, image: Images) -> None:
    """A slice (1, 1, H, W), stamped as synthetic."""
    _picture(axes, image[0, 0])
    _stamp(axes, 0, image.shape[-1])


def _picture(axes: Axes, pixels: Tensor) -> None:
    axes.imshow(pixels.cpu().numpy(), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def _stamp(axes: Axes, left: float, size: int) -> None:
    """The word in the upper left corner of a picture that begins at the column `left`."""
    axes.text(left + 0.02 * size, 0.02 * size, "SYNTHETIC", color="yellow", fontsize=5, va="top", ha="left")


def _mark(axes: Axes, point: Point, number: int) -> None:
    row, column = point
    axes.plot(column, row, MARKS[number % len(MARKS)], color="cyan", markerfacecolor="none", markersize=6)

"""How the training went, drawn from metrics.csv for a reader without colour."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medattngan.core.files import UserError
from medattngan.core.plots import svg
from medattngan.stages.report.pictures import data_uri

SMOOTH_ROWS = 9
"""The bold line is a running median over so many rows; the faint one is every row."""
STYLES = ("-", "--")
INK = "#1d2327"

PANELS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "Losses",
        "The two networks compete, so neither loss needs to fall. Steady is good.",
        {"loss_generator": "generator", "loss_discriminator": "discriminator"},
    ),
    (
        "Discriminator logits",
        "Its mean logit of real and of synthetic slices. The closer the lines, the harder the two are to tell apart.",
        {"logits_real": "real", "logits_fake": "synthetic"},
    ),
    (
        "Discriminator overfitting",
        "At 0 it scores slices of held-out patients like training slices; at 1 like synthetic slices: it has then "
        "memorised its patients and teaches the generator nothing new. More patients or augmentation lower it.",
        {"r_v": "r_v, share"},
    ),
    (
        "Privacy spent",
        "What a private training has spent of its epsilon. Lower tells less of any one patient.",
        {"epsilon": "epsilon"},
    ),
)
"""Heading, what to make of it, {column: name of its line}."""
VALIDATION = (
    "During training, from few slices and smaller inputs to the feature network: look at its trend, and compare it "
    "with no other score. Lower is better; no baseline was measured."
)


def curve_figures(metrics: Path) -> str:
    """One <figure> a panel, and one for the validation score where there was one.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    if not metrics.is_file():
        raise UserError(f"{metrics} does not exist; is {metrics.parent} a run?")
    try:
        table = pd.read_csv(metrics)
    except ValueError:  # of pandas: empty, not a table, not UTF-8
        raise UserError(f"{metrics} is damaged or empty; copy the run again or train it for longer.") from None
    names = [column for column in table.columns if column.startswith("fd_val")]
    panels = [*PANELS, *(("Validation: Fréchet distance", VALIDATION, {name: name}) for name in names)]
    figures = [_panel(table, *panel) for panel in panels if _has_values(table, panel[2])]
    return "\n".join(figures) or "<p>The training was too short to log a curve.</p>"


def _has_values(table: pd.DataFrame, columns: Iterable[str]) -> bool:
    return any(table[name].notna().any() for name in columns if name in table)


def _panel(table: pd.DataFrame, heading: str, words: str, lines: dict[str, str]) -> str:
    with matplotlib.rc_context({"svg.hashsalt": heading, "svg.fonttype": "path", "font.size": 9}):
        figure = Figure(figsize=(4.2, 2.5), layout="constrained")
        axes = figure.add_subplot()
        for (column, name), style in zip(lines.items(), STYLES, strict=False):
            if column in table:
                _line(axes, table[["kimg", column]].dropna(), column, name, style)
        axes.set_xlabel("thousand real slices shown")
        axes.spines[["top", "right"]].set_visible(False)
        if len(lines) > 1:
            axes.legend(frameon=False, handlelength=3)
        source = data_uri("image/svg+xml", svg(figure))
    alt = f"{heading}: {', '.join(lines.values())} against thousands of real slices shown"
    return (
        f'<figure class="curve"><h3>{escape(heading)}</h3><img src="{source}" alt="{escape(alt)}">'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )


def _line(axes: Axes, rows: pd.DataFrame, column: str, name: str, style: str) -> None:
    if len(rows) < 3 * SMOOTH_ROWS:
        axes.plot(rows["kimg"], rows[column], style, color=INK, linewidth=1.4, marker="o", markersize=3, label=name)
        return
    smooth = rows[column].rolling(SMOOTH_ROWS, center=True, min_periods=1).median()
    axes.plot(rows["kimg"], rows[column], color="#9aa0a6", linewidth=0.5)
    axes.plot(rows["kimg"], smooth, style, color=INK, linewidth=1.4, label=name)

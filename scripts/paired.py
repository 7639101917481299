"""Paired differences between rows of a table of trainings: the same seeds, row against the first row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scipy import stats

Cells = Sequence[dict[str, Any]]
LEVEL = 0.95


def differences(cells: Cells) -> list[dict[str, Any]]:
    """Of every row but the first and every score that both have: the mean of row minus first over the seeds they share.

    The interval is Student's (t with one degree of freedom less than seeds), so it asks that differences between seeds
    be about normal; it is left out for a single seed. `relative` is the mean as a share of the first row's mean.

    >>> cells = [{"row": r, "seed": s, "scores": {"fd": {"value": v}}} for r, s, v in
    ...          [("a", 0, 10.0), ("a", 1, 20.0), ("b", 0, 9.0), ("b", 1, 18.0)]]
    >>> [found] = differences(cells)
    >>> found["row"], found["seeds"], found["mean"], round(found["relative"], 3)
    ('b', [0, 1], -1.5, -0.1)
    """
    rows = list(dict.fromkeys(cell["row"] for cell in cells))
    values = {(cell["row"], cell["seed"]): cell["scores"] for cell in cells}
    found = []
    for row in rows[1:]:
        seeds = sorted(seed for name, seed in values if name == row and (rows[0], seed) in values)
        names = [name for name in values[row, seeds[0]] if name in values[rows[0], seeds[0]]] if seeds else []
        for name in names:
            own, first = (np.array([values[one, seed][name]["value"] for seed in seeds]) for one in (row, rows[0]))
            apart = own - first
            line = {"row": row, "against": rows[0], "score": name, "seeds": seeds, "mean": float(apart.mean())}
            line["relative"] = float(apart.mean() / first.mean()) if first.mean() else None
            if len(seeds) > 1:
                margin = stats.t.ppf((1 + LEVEL) / 2, len(seeds) - 1) * apart.std(ddof=1) / np.sqrt(len(seeds))
                line["ci95"] = [float(apart.mean() - margin), float(apart.mean() + margin)]
            found.append(line)
    return found


def print_differences(found: list[dict[str, Any]]) -> None:
    """As a table; a star where the interval leaves zero out."""
    table = Table("", "score", "seeds", "difference", "95 % interval", "of the first row")
    for line in found:
        low, high = line.get("ci95", (float("-inf"), float("inf")))
        table.add_row(
            f"{line['row']} - {line['against']}", escape(line["score"]), str(len(line["seeds"])),
            f"{line['mean']:+.3g}{'*' if low > 0 or high < 0 else ''}", f"{low:+.3g} to {high:+.3g}",
            "" if line["relative"] is None else f"{line['relative']:+.1%}",
        )  # fmt: skip
    Console().print(table)

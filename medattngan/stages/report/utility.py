"""Whether synthetic slices helped a classifier, as a table a number of real images."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from medattngan.core.files import read_json


def utility_block(folder: Path) -> str:
    """The section on usefulness."""
    record = read_json(folder / "utility.json")
    tables = "".join(_table(result) for result in record["results"].values())
    words = (
        f"One classifier, trained on few real images and the additions named, tested on {record['test_slices']} slices "
        f"of {record['test_patients']} held-out patients that neither it nor the generator saw. Synthetic slices help "
        "only if the interval of the difference lies above zero; the reference is the better of real images alone and "
        "real images with classical augmentation."
    )
    return f'<p>{escape(words)}</p><div class="tables">{tables}</div>'


def _table(result: Mapping[str, Any]) -> str:
    scores = result["balanced_accuracy"]
    best, rows = scores["baseline"], ""
    for arm, entry in scores["arms"].items():
        difference = scores["differences"].get(f"{arm} - {best}")
        beside = "" if difference is None else f"{difference['value']:+.3f} {_ends(difference)}"
        rows += (
            f'<tr><th scope="row">{escape(arm)}</th><td>{entry["value"]:.3f} {_ends(entry)}</td><td>{beside}</td></tr>'
        )
    caption = f"{result['per_class']} real images per class, generator from {result['start']}, {result['seeds']} seeds"
    head = f"<thead><tr><th>trained on</th><th>balanced accuracy</th><th>less {escape(best)}</th></tr></thead>"
    return f"<table><caption>{escape(caption)}</caption>{head}<tbody>{rows}</tbody></table>"


def _ends(entry: Mapping[str, Any]) -> str:
    low, high = entry["ci95"]
    return f"({low:.3f} to {high:.3f})"

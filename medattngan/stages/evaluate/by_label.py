"""How good the slices of each label are: a mean over all labels hides that one of them is drawn badly, or not at all.

The scores by label are strata like any other (see `strata`); here they are read the other way round, label by label,
for who trains a conditional generator. Slices that bear no label take that of the real ones nearest to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medattngan.metrics.table import metric_of

SHOWN = ("fd", "precision", "recall")
"""Of all metrics, those that say what a label lacks: likeness, fidelity, diversity."""
ByLabel = dict[str, dict[str, Mapping[str, Any]]]


def by_label(scores: Mapping[str, Mapping[str, Any]]) -> ByLabel:
    """Of scores.json: label → metric of SHOWN → its entry; empty where there were no labels or too few slices of each.

    >>> by_label({"fd[x]": {"strata": {"label": {"a": {"value": 3.0}}}}, "kid[x]": {}})
    {'a': {'fd': {'value': 3.0}}}
    """
    found: ByLabel = {}
    for name, entry in scores.items():
        metric = metric_of(name)
        if metric in SHOWN:
            for label, own in entry.get("strata", {}).get("label", {}).items():
                found.setdefault(label, {})[metric] = own
    return found


def lines(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line a label, each metric with what real slices of other patients score."""
    told = []
    for label, own in by_label(scores).items():
        parts = [f"{metric} {one['value']:.3g} (real {one['floor']:.3g})" for metric, one in own.items()]
        count = next(iter(own.values()))["n_fake"]
        told.append(f"  label {label}: {'   '.join(parts)}   of {count} slices")
    return told

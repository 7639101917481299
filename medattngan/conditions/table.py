"""Every kind of condition by name, and the conditions of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from medattngan.conditions.condition import Column, Condition, Kind
from medattngan.conditions.labels import Label, is_label, measure_labels
from medattngan.conditions.mask import Mask, is_mask, measure_masks
from medattngan.conditions.numbers import Number, is_number, measure
from medattngan.conditions.text import Text, is_text, measure_text
from medattngan.core.files import UserError
from medattngan.core.plugins import with_plugins

CONDITIONS: dict[str, Kind] = {
    "mask": Kind(is_mask, measure_masks, Mask.from_record),
    "label": Kind(is_label, measure_labels, Label.from_record),
    "text": Kind(is_text, measure_text, Text.from_record),
    "number": Kind(is_number, measure, Number.from_record),
}
"""A column is of the first kind that takes it."""
RESERVED = frozenset({"number", "seed", "truncation", "volume", "slice", "flagged", "sources"})
"""Columns that say something else in the table of samples."""


def all_conditions() -> dict[str, Kind]:
    """`CONDITIONS` and what installed packages add to it, by the entry points `medattngan.conditions`."""
    return with_plugins(CONDITIONS, "medattngan.conditions", Kind)


def measured(index: pd.DataFrame, conditional: bool, columns: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions of a training on the slices of `index`: the label where `conditional`, then `columns`.

    Raises:
        UserError: a column is of no kind, cannot be a condition, or bears one of RESERVED.
    """
    found: list[Condition] = [measure_labels(index)] if conditional else []
    for name in columns:
        if name in RESERVED:
            raise UserError(
                f"data.conditions has {name}, which samples have a column of that says something else; give the column "
                "another name in the table, and ingest again."
            )
        kind = next((kind for kind in all_conditions().values() if kind.takes(index, name)), CONDITIONS["number"])
        found.append(kind.measure(index, name))
    return tuple(found)


def to_store(conditions: Sequence[Condition]) -> dict[str, Any]:
    """The conditions as the run's store.json keeps them."""
    label = next((one for one in conditions if isinstance(one, Label)), Label((), ()))
    others = [one.record() for one in conditions if not isinstance(one, Label)]
    return {
        "labels": list(label.names),
        "label_counts": list(label.counts),
        **({"conditions": others} if others else {}),
    }


def of_run(store: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a run, by its store.json."""
    found: list[Condition] = []
    if store.get("labels"):
        found.append(Label(tuple(store["labels"]), tuple(store["label_counts"])))
    for record in store.get("conditions", []):
        found.append(all_conditions()[record.get("kind", "number")].from_record(record))
    return tuple(found)


def places(conditions: Sequence[Condition]) -> dict[str, int]:
    """What tells the conditions of a run apart when values are drawn: the label is apart from the others."""
    return {one.name: i for i, one in enumerate(one for one in conditions if not isinstance(one, Label | Mask))}


Spread = Callable[[Sequence[Condition], int, int], dict[str, Column]]
"""`draw` or `spread`: conditions, how many, a seed → values by name."""


def draw(conditions: Sequence[Condition], count: int, seed: int) -> dict[str, Column]:
    """Values as often as the training slices have them, each condition by itself, by name: `count` each."""
    at = places(conditions)
    conditions = [one for one in conditions if not (isinstance(one, Mask) and one.drawn)]
    return {one.name: one.draw(count, seed, at.get(one.name, 0)) for one in conditions}


def spread(conditions: Sequence[Condition], count: int, seed: int) -> dict[str, Column]:
    """Values for a grid that shows what there is, by name: `count` each."""
    at = places(conditions)
    return {one.name: one.spread(count, seed, at.get(one.name, 0)) for one in conditions}


def encoded(conditions: Sequence[Condition], values: Mapping[str, Column]) -> dict[str, Tensor]:
    """Values by name as the networks are told them."""
    return {one.name: one.encode(values[one.name]) for one in conditions}

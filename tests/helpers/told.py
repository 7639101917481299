"""Conditions as tests give them to presets, and what networks are told of them."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from medattngan.conditions.condition import Condition
from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import LEVELS, Number

RANGE = tuple(np.linspace(-1.0, 1.0, len(LEVELS)))


def conditions(classes: int = 0, names: tuple[str, ...] = ()) -> tuple[Condition, ...]:
    """So many labels, and a number from -1 to 1 by each of these names."""
    labels = [Label(tuple(f"label {i}" for i in range(classes)), (1,) * classes)] if classes else []
    return (*labels, *(Number(name, RANGE) for name in names))


def told(label: Tensor | None = None, **values: Tensor) -> dict[str, Tensor]:
    """A batch's conditions."""
    return {**({} if label is None else {"label": label}), **values}

"""Conditions as tests give them to presets, and what networks are told of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from medattngan.conditions.condition import Condition
from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import LEVELS, Number
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.models import PRESETS, build

RANGE = tuple(np.linspace(-1.0, 1.0, len(LEVELS)))


def conditions(classes: int = 0, names: tuple[str, ...] = ()) -> tuple[Condition, ...]:
    """So many labels, and a number from -1 to 1 by each of these names."""
    labels = [Label(tuple(f"label {i}" for i in range(classes)), (1,) * classes)] if classes else []
    return (*labels, *(Number(name, RANGE) for name in names))


def told(label: Tensor | None = None, **values: Tensor) -> dict[str, Tensor]:
    """A batch's conditions."""
    return {**({} if label is None else {"label": label}), **values}


def takes_conditions(preset: str) -> bool:
    """Whether a preset can be told labels and numbers: it says so itself."""
    model = {"preset": preset, "generator_width": 4, "discriminator_width": 4}
    config = Config.from_tree({"data": {"size": 32}, "model": model, "attention": {"resolutions": [8]}}, "test")
    state = torch.random.get_rng_state()
    try:
        build(config, conditions(2, ("a",)))
    except UserError:
        return False
    finally:
        torch.random.set_rng_state(state)
    return True


CONDITIONAL = tuple(name for name in PRESETS if takes_conditions(name))
"""The presets that take conditions."""

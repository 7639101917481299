"""The smallest networks of a preset, and what presets take: asked of them, so that a new one is tested at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from helpers.told import conditions
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.games.game import System
from medattngan.models import PRESETS, build


def tiny_config(preset: str = "compact", **sections: Mapping[str, Any]) -> Config:
    """Images of 32 px, widths of 8, attention at 8 px; the keys of `sections` instead of these."""
    tree: dict[str, dict[str, Any]] = {
        "data": {"size": 32},
        "model": {"preset": preset, "z_dim": 8, "generator_width": 8, "discriminator_width": 8},
        "attention": {"resolutions": [8]},
    }
    for name, section in sections.items():
        tree[name] = tree.get(name, {}) | dict(section)
    return Config.from_tree(tree, "test")


def tiny(preset: str = "compact", classes: int = 0, **sections: Mapping[str, Any]) -> System:
    """The networks of `tiny_config`, always with the same weights."""
    torch.manual_seed(0)
    config = tiny_config(preset, **sections)
    return build(config, conditions(classes, config.data.conditions))


def _plain(preset: str) -> bool:
    """Whether a preset draws without being told anything, and learns from nothing."""
    return _takes(preset, 0, ())


def presets_that_take(*, classes: int = 0, numbers: tuple[str, ...] = ()) -> list[str]:
    """The presets of single slices that learn from nothing, with so many labels and these continuous conditions."""
    return [preset for preset in PRESETS if _takes(preset, classes, numbers)]


def _takes(preset: str, classes: int, numbers: tuple[str, ...]) -> bool:
    try:
        system = tiny(preset, classes, data={"conditions": list(numbers)})
        return system.depth == 1 and system.continues is None
    except UserError:
        return False


PLAIN = tuple(preset for preset in PRESETS if _plain(preset))
"""The presets that learn from nothing and draw without a condition; the others have tests of their own."""
LIGHT = tuple(name if name != "large" else pytest.param(name, marks=pytest.mark.slow) for name in PLAIN)
"""The same, for tests over every attention as well: they take the largest where there is time."""

"""The smallest networks of a preset, and what presets take: asked of them, so that a new one is tested at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.models import PRESETS, Gan, build


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


def tiny(preset: str = "compact", classes: int = 0, **sections: Mapping[str, Any]) -> Gan:
    """The networks of `tiny_config`, always with the same weights."""
    torch.manual_seed(0)
    return build(tiny_config(preset, **sections), classes)


def presets_that_take(*, classes: int = 0, conditions: tuple[str, ...] = ()) -> list[str]:
    """The presets that can be built with so many labels and with these continuous conditions."""
    return [preset for preset in PRESETS if _takes(preset, classes, conditions)]


def _takes(preset: str, classes: int, conditions: tuple[str, ...]) -> bool:
    try:
        tiny(preset, classes, data={"conditions": list(conditions)})
    except UserError:
        return False
    return True

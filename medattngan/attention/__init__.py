"""Attention over the positions of feature maps: one mechanism a file, one table that names them."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from medattngan.attention.additive import AdditiveAttention2d
from medattngan.attention.bipartite import BipartiteAttention2d
from medattngan.attention.dynamic import DynamicAttention2d
from medattngan.attention.multi_head import MultiHeadAttention2d
from medattngan.attention.multi_scale import MultiScaleAttention2d
from medattngan.attention.none import NoAttention2d
from medattngan.attention.scaled_dot import ScaledDotAttention2d
from medattngan.core.plugins import with_plugins

ATTENTION: dict[str, Callable[..., nn.Module]] = {
    "scaled_dot": ScaledDotAttention2d,
    "additive": AdditiveAttention2d,
    "multi_head": MultiHeadAttention2d,
    "multi_scale": MultiScaleAttention2d,
    "dynamic": DynamicAttention2d,
    "bipartite": BipartiteAttention2d,
    "none": NoAttention2d,
}
"""By the name in `attention.kind`: (channels, **options) → a module (B, channels, H, W) → the same shape."""


def all_attention() -> dict[str, Callable[..., nn.Module]]:
    """`ATTENTION` and what installed packages add to it, by the entry points `medattngan.attention`."""
    return with_plugins(ATTENTION, "medattngan.attention")

"""What a preset is: two networks and the game they play. The training loop knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from medattngan.games.objective import Objective


@dataclass(frozen=True)
class Shape:
    """What every preset is told.

    Args:
        size: height and width of the images, a power of two from 32 to 512.
        classes: number of labels, 0 for none.
        conditions: number of continuous conditions, 0 for none.
        z_dim, generator_width, discriminator_width: None for the preset's own.
        attention: a key of ATTENTION.
        attention_resolutions: attend wherever the maps have one of these heights.
        attention_options: keyword arguments for the module, by kind.
    """

    size: int
    classes: int = 0
    conditions: int = 0
    z_dim: int | None = None
    generator_width: int | None = None
    discriminator_width: int | None = None
    attention: str = "scaled_dot"
    attention_resolutions: tuple[int, ...] = (16,)
    attention_options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Gan:
    """A system, ready to be trained.

    Args:
        generator: called as generator(z, label, values) with z (B, z_dim), label (B,) int64 or None, values
            (B, conditions) in [-1, 1] or None; gives (B, 1, H, W), in [-1, 1] or close to it.
        discriminator: called as discriminator(images, label, values); gives logits (B,).
        z_dim: width of the latent.
        objective: the game, with the preset's own settings.
        policy: names of the augmentations the preset wants, where the configuration names none.
        joint: the critic compares images in groups of `layers.GROUP` at most, so that real and synthetic ones can go
            through it in one pass: fewer, larger operations.
    """

    generator: nn.Module
    discriminator: nn.Module
    z_dim: int
    objective: Objective
    policy: tuple[str, ...] = ()
    joint: bool = False

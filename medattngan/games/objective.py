"""A preset's own losses and optimiser settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LossKind = Literal["minimax", "non_saturating", "hinge", "least_squares", "wasserstein", "relativistic"]


@dataclass(frozen=True)
class Objective:
    """A preset's own losses and optimiser settings; a configuration may override each.

    Args:
        kind: a key of medattngan.losses.LOSSES.
        r1_gamma, r2_gamma: weights of the squared critic gradient at real and at synthetic images.
        gradient_penalty: weight of Wasserstein's (|gradient| - 1)².
        penalty_every: penalties are taken on every n-th step, n times as strong.
    """

    kind: LossKind
    r1_gamma: float = 0.0
    r2_gamma: float = 0.0
    gradient_penalty: float = 0.0
    penalty_every: int = 1
    generator_lr: float = 2e-4
    discriminator_lr: float = 2e-4
    beta1: float = 0.0
    beta2: float = 0.99
    batch_size: int = 32

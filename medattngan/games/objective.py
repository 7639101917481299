"""What the two players of an adversarial game want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LossKind = Literal["minimax", "non_saturating", "hinge", "least_squares", "wasserstein", "relativistic"]


@dataclass(frozen=True)
class Objective:
    """A preset's own losses and penalties; a configuration may override each.

    Args:
        kind: a key of medattngan.games.losses.LOSSES.
        r1_gamma, r2_gamma: weights of the squared discriminator gradient at real and at synthetic images.
        gradient_penalty: weight of Wasserstein's (|gradient| - 1)².
        penalty_every: penalties are taken on every n-th step, n times as strong.
        gamma_end: share of all these weights that is left when the annealing is over; 1 for weights that stay.
        rebuild: weight of the discriminator's drawing of real slices (see `games/rebuild.py`).
    """

    kind: LossKind
    r1_gamma: float = 0.0
    r2_gamma: float = 0.0
    gradient_penalty: float = 0.0
    penalty_every: int = 1
    gamma_end: float = 1.0
    rebuild: float = 0.0

"""A flow by its velocity: noise is carried to latents along an ordinary differential equation.

    L(v) = |v(x_t, t) - (z - u)|²,   x_t = (1 - t) u + t z,   u ~ N(0, I), t ~ U(0, 1)

Lipman et al. 2023 (flow matching), arXiv:2210.02747, Eq. 23 with σ_min = 0. It has no density that is exact in finitely
many steps: for log p(z) there are couplings.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.conditions.embedding import WAVES, waves
from medattngan.core.types import Latent
from medattngan.models.flow.context import Context

HIDDEN = 512
STEPS = 16
"""Of Heun's method, from noise to latents."""


class Velocity(nn.Module):
    """v(x, t): (B, width), (B, 1) and (B, context) → (B, width); 0 at first."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(width + WAVES + 1 + context, HIDDEN), nn.SiLU(),
            nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(),
        )  # fmt: skip
        self.output = nn.Linear(HIDDEN, width)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Latent, time: Tensor, context: Tensor) -> Tensor:
        return torch.as_tensor(self.output(self.hidden(torch.cat([x, waves(2 * time - 1), context], 1))))


class MatchingFlow(nn.Module):
    """Latents by integrating a velocity.

    Args:
        width: of the latent.
        classes, numbers: what it is told of each slice.
    """

    def __init__(self, width: int, classes: int = 0, numbers: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.context = Context(classes, numbers)
        self.velocity = Velocity(width, self.context.width)

    def forward(self, u: Latent, conditions: Conditions = NOTHING) -> Latent:
        """Standard normal noise (B, width) → latents, by STEPS of Heun's method."""
        context, step = self.context(conditions, u), 1 / STEPS
        time = torch.zeros_like(u[:, :1])
        for _ in range(STEPS):
            slope = self.velocity(u, time, context)
            ahead = self.velocity(u + step * slope, time + step, context)
            u, time = u + step / 2 * (slope + ahead), time + step
        return u

    def loss(self, z: Latent, draws: Mapping[str, Tensor], conditions: Conditions = NOTHING) -> Tensor:
        """|v - (z - u)|² a dimension, (B,), with `start` u (B, width) and `time` t (B, 1) of `draws`."""
        start, time = draws["start"], draws["time"]
        found = self.velocity(start + time * (z - start), time, self.context(conditions, z))
        return torch.as_tensor((found - (z - start)).square().mean(1))

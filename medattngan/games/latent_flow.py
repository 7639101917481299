"""The game of one: a flow learns how the codes of real slices lie, and encoder and decoder stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.games.game import Batch, Draws, Networks, Phase, Round
from medattngan.games.latents import reparameterised


@dataclass(frozen=True)
class LatentFlowGame:
    """`generator` holds the flow: called with draws as its third input, it gives the flow's loss of codes, (B,).

    Args:
        z_dim: width of the latent.
    """

    z_dim: int

    def columns(self) -> tuple[str, ...]:
        """The flow's loss: -log p(z) in nats a dimension, or the squared error of its velocity."""
        return ("loss_flow",)

    def draw(self, now: Round, source: torch.Generator) -> dict[str, Tensor]:
        """The noise of the codes, and where flow matching starts and stands."""
        return {
            "noise": torch.randn(now.count, self.z_dim, generator=source),
            "start": torch.randn(now.count, self.z_dim, generator=source),
            "time": torch.rand(now.count, 1, generator=source),
        }

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """One move, on codes drawn from what the encoder says of each slice."""
        mean, log_variance = networks["encoder"](batch.images, batch.conditions).detach().float().unbind(1)
        z = reparameterised(mean, log_variance, draws["noise"])
        asked = networks["generator"].bare
        yield Phase(("generator",), lambda: {"loss_flow": asked(z, batch.conditions, draws).mean()})

    def override(self, settings: Mapping[str, Any]) -> LatentFlowGame:
        """Refuse: there is nobody to play against.

        Raises:
            UserError: naming the first.
        """
        raise UserError(
            f"model.preset=latent_flow has no loss.{next(iter(settings))}; take it out of the configuration."
        )

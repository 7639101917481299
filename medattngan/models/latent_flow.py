"""A density over the codes of a trained `vae_gan`, in place of the N(0, I) that they do not quite follow.

Encoder and decoder are a run's and stay as they are; the flow between noise and codes is all that learns. So `sample`
draws from where codes lie (as Böhm & Seljak 2020 do with normalising flows, arXiv:2006.05479), and with couplings every
code has its exact log p(z).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.types import Images, Latent
from medattngan.games.game import System
from medattngan.games.latent_flow import LatentFlowGame
from medattngan.models import compact
from medattngan.models.flow.coupling import CouplingFlow
from medattngan.models.flow.matching import MatchingFlow
from medattngan.models.latent_encoder import LatentEncoder
from medattngan.models.layers import prefer, require_labels_and_numbers
from medattngan.models.shape import Shape

FLOWS: dict[str, type[CouplingFlow] | type[MatchingFlow]] = {"coupling": CouplingFlow, "matching": MatchingFlow}
"""By `model.flow`."""


class Generator(compact.Generator):
    """`compact.Generator` behind a flow: noise → code → style → slice."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.flow: CouplingFlow | MatchingFlow = FLOWS[shape.flow or "coupling"](
            self.z_dim, shape.classes, shape.numbers
        )

    def forward(
        self, z: Latent, conditions: Conditions = NOTHING, learning: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Noise (B, z_dim) → (B, 1, size, size) in [-1, 1]; of codes and the draws of a round, the flow's loss (B,)."""
        if learning is None:
            return super().forward(z, conditions)
        return self.flow.loss(z, learning, conditions)

    def style(self, z: Latent, conditions: Conditions = NOTHING) -> Tensor:
        """Noise (B, z_dim) → (B, z_dim)."""
        return super().style(self.flow(z, conditions), conditions)

    def decode(self, codes: Latent, conditions: Conditions = NOTHING) -> Images:
        """Codes (B, z_dim), past the flow → (B, 1, size, size) in [-1, 1]."""
        return self.draw([super().style(codes, conditions)] * len(self.resolutions), conditions)

    def log_density(self, codes: Latent, conditions: Conditions = NOTHING) -> Tensor | None:
        """log p of codes (B, z_dim) in nats, (B,); None of a flow that has none."""
        return self.flow.log_density(codes, conditions) if isinstance(self.flow, CouplingFlow) else None


def build(shape: Shape) -> System:
    """Networks and game; trained from a run of `vae_gan` alone.

    Raises:
        UserError: there is a condition that is neither the label nor a number.
    """
    require_labels_and_numbers("latent_flow", shape)
    shape = prefer(shape, "scaled_dot", pool=True)
    generator = Generator(shape)
    return System(
        {"generator": generator, "encoder": LatentEncoder(shape, generator.z_dim)},
        LatentFlowGame(generator.z_dim),
        rates={"generator": 1e-3},
        z_dim=generator.z_dim,
        betas=(0.9, 0.999),
        batch_size=64,
        discriminator=None,
        averaged=("encoder",),
        augments=False,
        continues="vae_gan",
    )

"""A VAE whose decoder is the default's generator and whose likelihood is its discriminator's. Larsen et al. 2016,
arXiv:1512.09300.

Three networks, each with attention where `attention.resolutions` says: those of `compact`, and an encoder as deep as
its discriminator. A real slice has a latent, which `encode` finds and from which `reconstruct` draws it again. The game
is in medattngan/games/vae_gan.py.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.types import Images
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.vae_gan import VaeGanGame
from medattngan.models import compact
from medattngan.models.latent_encoder import LatentEncoder
from medattngan.models.layers import prefer
from medattngan.models.shape import Shape

LAYER = 4
"""D_l are the maps of a quarter of the side: fine enough for folds, coarse enough not to count pixels."""


class Discriminator(compact.Discriminator):
    """`compact.Discriminator`; asked for its maps it gives those a quarter as high as the slice, (B, C, H/4, W/4)."""

    def forward(self, images: Images, conditions: Conditions = NOTHING, maps: bool = False) -> Tensor:
        if not maps:
            return super().forward(images, conditions)
        x, height = images.contiguous(memory_format=torch.channels_last), images.shape[-1] // LAYER
        for layer in self.stages:
            if x.shape[-1] == height and isinstance(layer, torch.nn.Conv2d):
                break  # the next one halves them
            x = layer(x)
        return x


def build(shape: Shape) -> System:
    """Networks and game; labels and numbers are told to all three networks.

    Raises:
        UserError: there is another condition.
    """
    plain = compact.build(shape, "vae_gan")
    shape = prefer(shape, "scaled_dot", pool=True)
    game = plain.game
    assert isinstance(game, AdversarialGame)
    return replace(
        plain,
        networks={
            "generator": plain.networks["generator"],
            "discriminator": Discriminator(shape),
            "encoder": LatentEncoder(shape, plain.z_dim),
        },
        game=VaeGanGame(game.objective, game.z_dim, game.group),
        rates={**plain.rates, "encoder": plain.rates["generator"]},
        averaged=("encoder",),
    )

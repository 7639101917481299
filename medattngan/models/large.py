"""For one GPU and 128 px or more: the default, twice as wide and with residual blocks at every resolution.

    x + W_2 lrelu(W_1 x)        3×3 convolutions; W_2 starts at zero, so that a new block is the identity

As R3GAN has it (Huang et al. 2024, arXiv:2501.05441, section 3.2, after Zhang et al. 2019, Fixup, arXiv:1901.09321),
but with dense convolutions. In the default such blocks halved the radiomic distance after as many images and cost a CPU
a quarter of its speed (docs/notebook/residual-blocks.md). The penalties' weight goes by the size and falls to a tenth,
the rates to a quarter, as there; β2 stays, since a round that is recorded as a CUDA graph cannot move it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.core.types import Features
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.objective import Objective
from medattngan.games.schedule import R3GAN_END, r3gan
from medattngan.models import compact
from medattngan.models.layers import GROUP, prefer, require_labels_and_numbers
from medattngan.models.shape import Shape

WIDTH = 64
BLOCKS = 2
"""Residual blocks of each resolution from 8 px on."""
BATCH = 32


class Residual(nn.Module):
    """x + W_2 lrelu(W_1 x): (B, channels, H, W) → the same shape; at first the identity.

    >>> x = torch.randn(1, 4, 8, 8)
    >>> torch.equal(Residual(4)(x), x)
    True
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, 0.2)
        nn.init.zeros_(self.second.weight)
        for layer in (self.first, self.second):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Features) -> Features:
        return x + torch.as_tensor(self.second(F.leaky_relu(self.first(x), 0.2)))


def blocks(channels: int) -> nn.Sequential:
    """The residual blocks of one resolution."""
    return nn.Sequential(*(Residual(channels) for _ in range(BLOCKS)))


class DeepStage(nn.Module):
    """A stage of the default's generator, and residual blocks.

    (B, inputs, H, W) and (B, z_dim) → (B, outputs, 2H, 2W).
    """

    def __init__(self, stage: compact.StyledConv) -> None:
        super().__init__()
        self.stage = stage
        self.blocks = blocks(stage.convolution.out_channels)

    def forward(self, x: Features, w: Tensor) -> Features:
        return torch.as_tensor(self.blocks(self.stage(x, w)))


class Generator(compact.Generator):
    """`compact.Generator` with residual blocks after each stage. (B, z_dim) → (B, 1, size, size) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        stages = (stage for stage in self.stages if isinstance(stage, compact.StyledConv))
        self.stages = nn.ModuleList(DeepStage(stage) for stage in stages)


class Discriminator(compact.Discriminator):
    """`compact.Discriminator` with residual blocks after each convolution but the last. (B, 1, size, size) → (B,)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        layers: list[nn.Module] = []
        resolution, channels = shape.size, 1
        for layer in self.stages:
            layers.append(layer)
            if isinstance(layer, nn.Conv2d):
                resolution, channels = resolution // 2, layer.out_channels
            elif isinstance(layer, nn.LeakyReLU) and resolution > 4:
                layers.append(blocks(channels))
        self.stages = nn.Sequential(*layers)


def build(shape: Shape) -> System:
    """Networks and game; `attention_resolutions` that name a height twice have two blocks there."""
    require_labels_and_numbers("large", shape)
    shape = prefer(shape, "scaled_dot", pool=True)
    shape = replace(
        shape,
        generator_width=shape.generator_width or WIDTH,
        discriminator_width=shape.discriminator_width or WIDTH,
    )
    generator, gamma = Generator(shape), r3gan(shape.size, BATCH)
    return System(
        {"generator": generator, "discriminator": Discriminator(shape)},
        AdversarialGame(
            Objective("relativistic", r1_gamma=gamma, r2_gamma=gamma, gamma_end=R3GAN_END), generator.z_dim, group=GROUP
        ),
        rates={"generator": 2e-4, "discriminator": 2e-4},
        rate_end=0.25,
        z_dim=generator.z_dim,
        betas=(0.0, 0.99),
        batch_size=BATCH,
        policy=("translate", "scale", "rotate"),
    )

"""DCGAN as PyTorch's tutorial trains it, in grayscale: the baseline. Radford et al. 2016, arXiv:1511.06434.

The tutorial has 64 px, 64 feature maps, Adam at 2e-4 with beta1 0.5, batches of 128 and the non-saturating
loss (https://pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html). Other sizes add or drop a stage; none
is wider than the tutorial's widest, 8 × `width`. It has no attention where `attention.resolutions` is empty;
where it is not, one block at each of these heights, in both networks.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.types import Images, Latent, Logits
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.objective import Objective
from medattngan.models.layers import attention_at, require_unconditional
from medattngan.models.shape import Shape

WIDTH = 64
WIDEST = 8
Z_DIM = 100


def _widths(shape: Shape, base: int) -> list[int]:
    """Channels of the maps at half the image's side, at a quarter, and so on down to 4 px."""
    return [base * min(2**halving, WIDEST) for halving in range(int(math.log2(shape.size)) - 2)]


def _initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), as the paper's section 4 and the tutorial have it."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.kernel_size != (1, 1):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """Transposed convolutions from 1 to `size` px. (B, z_dim) → (B, 1, size, size) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.z_dim = shape.z_dim or Z_DIM
        self.width = shape.generator_width or WIDTH
        channels, *widths = reversed(_widths(shape, self.width))
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(self.z_dim, channels, 4, 1, 0, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        for stage, width in enumerate(widths):
            layers += [
                nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                *attention_at(shape, 8 * 2**stage, width),
            ]
            channels = width
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(channels, 1, 4, 2, 1, bias=False), nn.Tanh())
        self.apply(_initialise)

    def forward(self, z: Latent, conditions: Conditions = NOTHING) -> Images:
        return torch.as_tensor(self.layers(z[:, :, None, None]))


class Discriminator(nn.Module):
    """Strided convolutions from `size` to 1 px. (B, 1, size, size) → (B,)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.width = shape.discriminator_width or WIDTH
        channels, *widths = _widths(shape, self.width)
        layers: list[nn.Module] = [
            nn.Conv2d(1, channels, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for stage, width in enumerate(widths):
            layers += [
                *attention_at(shape, shape.size // 2 ** (stage + 1), channels),
                nn.Conv2d(channels, width, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            channels = width
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, 1, 0, bias=False))
        self.apply(_initialise)

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        return torch.as_tensor(self.layers(images)).flatten()


def build(shape: Shape) -> System:
    """The baseline, unconditional and without augmentation, as in the tutorial."""
    require_unconditional("dcgan", shape)
    generator = Generator(shape)
    return System(
        {"generator": generator, "discriminator": Discriminator(shape)},
        AdversarialGame(Objective("non_saturating"), generator.z_dim),
        rates={"generator": 2e-4, "discriminator": 2e-4},
        z_dim=generator.z_dim,
        betas=(0.5, 0.999),
        batch_size=128,
    )

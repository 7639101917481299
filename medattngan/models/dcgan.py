"""DCGAN as PyTorch's tutorial trains it, in grayscale: the baseline. Radford et al. 2016, arXiv:1511.06434.

The tutorial has 64 px, 64 feature maps, Adam at 2e-4 with beta1 0.5, batches of 128 and the non-saturating loss
(https://pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html). Other sizes add or drop a stage. It has no
attention unless a resolution is asked for, and then one block there, in both networks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from medattngan.models.gan import Gan, Objective, Shape
from medattngan.models.layers import attention_at, require_unconditional
from medattngan.types import Images, Latent, Logits

WIDTH = 64
Z_DIM = 100


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
        width = shape.generator_width or WIDTH
        stages = int(math.log2(shape.size)) - 3
        channels = width * 2**stages
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(self.z_dim, channels, 4, 1, 0, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        for stage in range(stages):
            layers += [
                nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(channels // 2),
                nn.ReLU(inplace=True),
            ]
            channels //= 2
            layers += attention_at(shape, 8 * 2**stage, channels)
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(channels, 1, 4, 2, 1, bias=False), nn.Tanh())
        self.apply(_initialise)

    def forward(self, z: Latent, label: Tensor | None = None) -> Images:
        return torch.as_tensor(self.layers(z[:, :, None, None]))


class Discriminator(nn.Module):
    """Strided convolutions from `size` to 1 px. (B, 1, size, size) → (B,)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        channels = shape.discriminator_width or WIDTH
        stages = int(math.log2(shape.size)) - 3
        layers: list[nn.Module] = [nn.Conv2d(1, channels, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        for stage in range(stages):
            layers += attention_at(shape, shape.size // 2 ** (stage + 1), channels)
            layers += [
                nn.Conv2d(channels, channels * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(channels * 2),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            channels *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, 1, 0, bias=False))
        self.apply(_initialise)

    def forward(self, images: Images, label: Tensor | None = None) -> Logits:
        return torch.as_tensor(self.layers(images)).flatten()


def build(shape: Shape) -> Gan:
    """The baseline, unconditional and without augmentation, as in the tutorial."""
    require_unconditional("dcgan", shape)
    objective = Objective(
        "non_saturating", generator_lr=2e-4, discriminator_lr=2e-4, beta1=0.5, beta2=0.999, batch_size=128
    )
    generator = Generator(shape)
    return Gan(generator, Discriminator(shape), generator.z_dim, objective, augment=False)

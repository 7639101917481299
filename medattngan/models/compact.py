"""The default: a small attention-GAN for few scans and small machines.

Convolutions run at half the image's side or less: the generator ends, and the critic begins, with a Haar transform
(Gal et al. 2021, SWAGAN, arXiv:2102.06108). The latent scales the channels before every convolution (Karras et al.
2020, StyleGAN2, arXiv:1912.04958, section 2.2, with the normalisation of the outputs in place of that of the
weights). Both networks attend where `attention.resolutions` says. The game is R3GAN's: relativistic with R1 and R2
(Huang et al. 2024, arXiv:2501.05441). docs/benchmarks/compact-search.md has what else was tried and how it fared.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medattngan.models.gan import Gan, Objective, Shape
from medattngan.models.layers import attention_at, haar, inverse_haar, minibatch_deviation
from medattngan.types import Features, Images, Latent, Logits

Z_DIM = 128
GENERATOR_WIDTH = 32
DISCRIMINATOR_WIDTH = 32
WIDEST = 192


def _width(resolution: int, size: int, base: int) -> int:
    """Channels of maps `resolution` high: `base` at half the image's side, twice as many a halving, to WIDEST at most."""
    return min(base * size // (2 * resolution), WIDEST * base // 32)


def _initialise(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.kaiming_normal_(layer.weight, 0.2)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class StyledConv(nn.Module):
    """Scale the channels by the latent, convolve, rectify, and bring each position to unit length.

    (B, inputs, H, W) and (B, z_dim) → (B, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, z_dim: int) -> None:
        super().__init__()
        self.style = nn.Linear(z_dim, inputs)
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        nn.init.normal_(self.style.weight, 0.0, 1 / math.sqrt(z_dim))
        nn.init.zeros_(self.style.bias)
        _initialise(self.convolution)

    def forward(self, x: Features, w: Tensor) -> Features:
        x = F.leaky_relu(self.convolution(x * (1 + self.style(w))[:, :, None, None]), 0.2)
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)


class Generator(nn.Module):
    """From 4 px to `size`. (B, z_dim) → (B, 1, size, size), close to [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.z_dim = shape.z_dim or Z_DIM
        base = shape.generator_width or GENERATOR_WIDTH
        self.embedding = nn.Embedding(shape.classes, self.z_dim) if shape.classes else None
        self.mapping = nn.Sequential(
            *(layer for _ in range(2) for layer in (nn.Linear(self.z_dim, self.z_dim), nn.LeakyReLU(0.2)))
        )
        channels = _width(4, shape.size, base)
        self.first = nn.Linear(self.z_dim, channels * 16)
        self.stages = nn.ModuleList()
        self.attentions = nn.ModuleList()
        for exponent in range(3, int(math.log2(shape.size))):
            width = _width(2**exponent, shape.size, base)
            self.stages.append(StyledConv(channels, width, self.z_dim))
            self.attentions.append(nn.Sequential(*attention_at(shape, 2**exponent, width)))
            channels = width
        self.last = nn.Conv2d(channels, 4, 3, padding=1)
        nn.init.normal_(self.last.weight, 0.0, 0.3 / math.sqrt(channels * 9))

    def forward(self, z: Latent, label: Tensor | None = None) -> Images:
        if self.embedding is not None and label is not None:
            z = z + self.embedding(label)
        w = self.mapping(z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8))
        x = F.leaky_relu(self.first(w), 0.2).reshape(len(z), -1, 4, 4)
        for stage, attention in zip(self.stages, self.attentions, strict=True):
            x = attention(stage(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), w))
        return inverse_haar(self.last(x))


class Discriminator(nn.Module):
    """From `size` to 4 px. (B, 1, size, size) → (B,); a label is projected (Miyato & Koyama 2018, arXiv:1802.05637)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        base = shape.discriminator_width or DISCRIMINATOR_WIDTH
        channels = base
        self.first = nn.Conv2d(4, channels, 3, padding=1)
        self.stages = nn.ModuleList()
        resolution = shape.size // 2
        while resolution > 4:
            resolution //= 2
            width = _width(resolution, shape.size, base)
            self.stages.append(nn.Conv2d(channels, width, 4, stride=2, padding=1))
            self.stages.append(nn.Sequential(nn.LeakyReLU(0.2), *attention_at(shape, resolution, width)))
            channels = width
        self.summary = nn.Conv2d(channels + 1, channels, 3, padding=1)
        self.last = nn.Linear(channels * 16, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
                _initialise(layer)
        self.embedding = nn.Embedding(shape.classes, channels * 16) if shape.classes else None

    def forward(self, images: Images, label: Tensor | None = None) -> Logits:
        x = F.leaky_relu(self.first(haar(images)), 0.2)
        for stage in self.stages:
            x = stage(x)
        x = F.leaky_relu(self.summary(minibatch_deviation(x)), 0.2).flatten(1)
        logits = torch.as_tensor(self.last(x)).squeeze(1)
        if self.embedding is not None and label is not None:
            logits = logits + (self.embedding(label) * x).sum(1) / math.sqrt(x.shape[1])
        return logits


def build(shape: Shape) -> Gan:
    """Networks and game of the default."""
    objective = Objective(
        "relativistic", r1_gamma=0.1, r2_gamma=0.1, penalty_every=16,
        generator_lr=1e-3, discriminator_lr=1e-3, beta1=0.0, beta2=0.99, batch_size=16,
    )  # fmt: skip
    generator = Generator(shape)
    return Gan(generator, Discriminator(shape), generator.z_dim, objective)

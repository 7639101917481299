"""The default: a small attention-GAN for few scans and small machines.

The latent scales the channels of every convolution and each resolution adds its share to the image (Karras et al. 2020,
StyleGAN2, arXiv:1912.04958), in plain dense convolutions with few channels. Both networks attend where
`attention.resolutions` says. The game is R3GAN's: relativistic, with R1 and R2 (Huang et al. 2024, arXiv:2501.05441),
in small batches: what counts in a short training is how often the networks move. docs/notebook/ has what else
was tried and how it fared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.conditions.embedding import ValueEmbedding
from medattngan.core.types import Features, Images, Latent, Logits
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.objective import Objective
from medattngan.games.rebuild import CORNER
from medattngan.models.excitation import APART, Excitation
from medattngan.models.layers import (
    GROUP,
    attended,
    attention_at,
    minibatch_deviation,
    prefer,
    require_labels_and_numbers,
)
from medattngan.models.rebuild import Rebuild
from medattngan.models.shape import Shape

Z_DIM = 128
GENERATOR_WIDTH = 32
DISCRIMINATOR_WIDTH = 32
WIDEST = 192
RECTIFIER_GAIN = 1.4
"""About √2: a rectifier halves the variance."""
After: TypeAlias = Callable[[Features], Features]
"""What is done to the maps of each resolution of a generator, from 8 px on, before the image takes its share."""


def width_at(resolution: int, size: int, base: int) -> int:
    """Channels of maps `resolution` high: `base` at half the image's side, double a halving, WIDEST at most."""
    return min(base * size // (2 * resolution), WIDEST * base // 32)


def unchanged(x: Features) -> Features:
    return x


def _initialise(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.kaiming_normal_(layer.weight, 0.2)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def taps() -> Tensor:
    """(16, 9): which taps of a 3×3 kernel add up to each of the 4×4, upside down as a transposed convolution has it.

    Of four in a row, the first takes the last tap, those between take two each, and the last takes the first.
    """
    row = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return torch.kron(row, row)


def upsampled_convolution(x: Features, kernel: Tensor, sums: Tensor | None = None) -> Features:
    """The 3×3 convolution of `x` after nearest-neighbour upsampling: (B, I, H, W), (O, I, 3, 3) → (B, O, 2H, 2W).

    Each of the four new pixels sees 2×2 old ones, so 4 products do for 9: upsampling is itself a transposed convolution
    with a 2×2 kernel of ones, and the two in a row are one with a 4×4 kernel. From maps of 8 × 8 on that is 1.3 to 2
    times as fast on a CPU, forward and backward (scripts/benchmark_upsampling.py); on smaller ones, one product of
    matrices is, whose results are then laid over each other.

    Args:
        sums: `taps()`, where they lie on the device already.

    >>> x, kernel = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3)
    >>> plain = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), kernel, padding=1)
    >>> torch.allclose(upsampled_convolution(x, kernel), plain, atol=1e-4)
    True
    """
    (outputs, inputs), (count, _, height, width) = kernel.shape[:2], x.shape
    small = width < 8
    if small and not (kernel.requires_grad and x.device.type == "cpu"):
        return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), kernel, padding=1)
    # As one product, (16, 9) by (9, inputs) for each output, so that the kernel comes out as channels_last has it.
    spread = (taps() if sums is None else sums).to(kernel).expand(outputs, 16, 9)
    joint = spread @ kernel.permute(0, 2, 3, 1).reshape(outputs, 9, inputs)
    if not small:
        return F.conv_transpose2d(x, joint.view(outputs, 4, 4, inputs).permute(3, 0, 1, 2), stride=2, padding=1)
    shares = joint.reshape(outputs * 16, inputs) @ x.transpose(0, 1).reshape(inputs, count * height * width)
    columns = shares.view(outputs * 16, count, height * width).transpose(0, 1)
    return F.fold(columns, (2 * height, 2 * width), 4, stride=2, padding=1).contiguous(
        memory_format=torch.channels_last
    )


class StyledConv(nn.Module):
    """Upsampling and a convolution whose inputs are scaled by the latent and whose outputs back to unit variance.

    (B, inputs, H, W) and (B, z_dim) → (B, outputs, 2H, 2W). Karras et al. 2020 (StyleGAN2), Eq. 1 and 3, with the
    scales taken out of the kernel: one convolution serves the whole batch.
    """

    def __init__(self, inputs: int, outputs: int, z_dim: int) -> None:
        super().__init__()
        self.style = nn.Linear(z_dim, inputs)
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        nn.init.normal_(self.style.weight, 0.0, 1 / math.sqrt(z_dim))
        nn.init.zeros_(self.style.bias)
        _initialise(self.convolution)
        self.taps: Tensor
        self.register_buffer("taps", taps(), persistent=False)

    def forward(self, x: Features, w: Tensor) -> Features:
        scale = 1 + self.style(w)
        kernel = self.convolution.weight
        demodulation = RECTIFIER_GAIN * torch.rsqrt(scale.square() @ kernel.square().sum((2, 3)).T + 1e-8)
        x = upsampled_convolution(x * scale[:, :, None, None], kernel, self.taps) * demodulation[:, :, None, None]
        return F.leaky_relu(x + self.convolution.bias[:, None, None], 0.2, inplace=True)  # type: ignore[index]


def faint(channels: int, maps: int = 1) -> nn.Conv2d:
    """A convolution that writes so many maps, faint at first."""
    convolution = nn.Conv2d(channels, maps, 3, padding=1)
    nn.init.normal_(convolution.weight, 0.0, 0.1 / math.sqrt(channels))
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution


def upsampled(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Generator(nn.Module):
    """From 4 px to `size`. (B, z_dim) → (B, 1, size, size) in [-1, 1].

    Each resolution adds its share to the image (StyleGAN2's skip connections), so that the outline is learned
    before the texture.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.z_dim = shape.z_dim or Z_DIM
        self.width = base = shape.generator_width or GENERATOR_WIDTH
        self.embedding = nn.Embedding(shape.classes, self.z_dim) if shape.classes else None
        self.values = ValueEmbedding(shape.numbers, self.z_dim) if shape.numbers else None
        self.mapping = nn.Sequential(
            *(layer for _ in range(2) for layer in (nn.Linear(self.z_dim, self.z_dim), nn.LeakyReLU(0.2)))
        )
        channels = width_at(4, shape.size, base)
        self.resolutions = tuple(2**exponent for exponent in range(2, int(math.log2(shape.size)) + 1))
        self.first = nn.Linear(self.z_dim, channels * 16)
        self.stages = nn.ModuleList()
        self.attentions = nn.ModuleList()
        self.images = nn.ModuleList()
        for resolution in self.resolutions[1:]:
            width = width_at(resolution, shape.size, base)
            self.stages.append(StyledConv(channels, width, self.z_dim))
            self.attentions.append(nn.Sequential(*attention_at(shape, resolution, width, self.z_dim)))
            self.images.append(faint(width))
            channels = width
        self.excitations = nn.ModuleDict()
        for height in self.resolutions if shape.excitation else ():
            if (low := height // APART) >= 4:
                widths = (width_at(one, shape.size, base) for one in (low, height))
                self.excitations[str(height)] = Excitation(*widths)

    def forward(self, z: Latent, conditions: Conditions = NOTHING) -> Images:
        return self.draw([self.style(z, conditions)] * len(self.resolutions), conditions)

    def style(self, z: Latent, conditions: Conditions = NOTHING) -> Tensor:
        """(B, z_dim), and what is known of each slice → (B, z_dim)."""
        if self.embedding is not None:
            z = z + self.embedding(conditions["label"])
        if self.values is not None:
            z = z + self.values(conditions)
        style: Tensor = self.mapping(z)
        return style

    def draw(self, styles: Sequence[Tensor], conditions: Conditions = NOTHING, after: After = unchanged) -> Images:
        """One style (B, z_dim) a resolution, from 4 px on → (B, 1, size, size) in [-1, 1]."""
        first, *others = styles
        x = F.leaky_relu(self.first(first), 0.2).reshape(first.shape[0], -1, 4, 4)
        # channels_last from here on is a quarter to a third faster on the CPU.
        x = x.contiguous(memory_format=torch.channels_last)
        image = x.new_zeros(first.shape[0], 1, 4, 4)
        maps, heights = {4: x}, self.resolutions[1:]
        parts = zip(heights, self.stages, self.attentions, self.images, others, strict=True)
        for height, stage, attention, part, w in parts:
            # Nearest: the convolution after it has a kernel of its own for each of the four new pixels, and so can
            # write detail finer than the maps it reads. The image itself is interpolated.
            x = stage(x, w)
            if str(height) in self.excitations:
                x = self.excitations[str(height)](maps[height // APART], x)
            x = after(attended(attention, x, w))
            if self.excitations:  # kept for them alone: all maps of 512 px are much
                maps[height] = x
            image = upsampled(image) + part(x)
        # tanh: the background of a scan is exactly -1, and a discriminator sees at once where it is not.
        return torch.tanh(image)


class Discriminator(nn.Module):
    """From `size` to 4 px. (B, 1, size, size) → (B,).

    Label and values are projected (Miyato & Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.width = base = shape.discriminator_width or DISCRIMINATOR_WIDTH
        self.group = 1 if shape.alone else GROUP
        layers: list[nn.Module] = []
        channels, resolution = 1, shape.size
        while resolution > 4:
            resolution //= 2
            width = width_at(resolution, shape.size, base)
            layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
            layers += attention_at(shape, resolution, width)
            channels = width
        self.stages = nn.Sequential(*layers)
        self.summary = nn.Conv2d(channels + 1, channels, 3, padding=1)
        self.last = nn.Linear(channels * 16, 1)
        for layer in [*layers, self.summary]:
            if isinstance(layer, nn.Conv2d):
                _initialise(layer)
        self.embedding = nn.Embedding(shape.classes, channels * 16) if shape.classes else None
        self.values = ValueEmbedding(shape.numbers, channels * 16) if shape.numbers else None
        fine, coarse = (width_at(height, shape.size, base) for height in (16, 8))
        self.rebuild = Rebuild(fine, coarse, shape.size) if shape.rebuilding else None

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        """Logits; or, told corners, the slices drawn again (see `models/rebuild.py`)."""
        # Else asked by vmap, perhaps, which knows no layouts.
        x = images.contiguous(memory_format=torch.channels_last) if self.group > 1 else images
        if CORNER in conditions:
            return self._drawn_again(x, conditions[CORNER])
        return self.judge(self.stages(x), conditions)

    def _drawn_again(self, x: Features, corner: Tensor) -> Images:
        assert self.rebuild is not None
        maps = {}
        for layer in self.stages:
            x = layer(x)
            maps[x.shape[-1]] = x  # the last of each height
        return torch.as_tensor(self.rebuild(maps[16], maps[8], corner))

    def judge(self, x: Features, conditions: Conditions) -> Logits:
        """The logits of maps 4 px high."""
        x = F.leaky_relu(self.summary(minibatch_deviation(x, self.group)), 0.2, inplace=True).flatten(1)
        logits = torch.as_tensor(self.last(x)).squeeze(1)
        if self.embedding is not None:
            logits = logits + (self.embedding(conditions["label"]) * x).sum(1) / math.sqrt(x.shape[1])
        if self.values is not None:
            logits = logits + (self.values(conditions) * x).sum(1) / math.sqrt(x.shape[1])
        return logits


def build(shape: Shape, preset: str = "compact") -> System:
    """Networks and game of the default, or of the `preset` that is made of them.

    Raises:
        UserError: there is a condition that is neither the label nor a number.
    """
    require_labels_and_numbers(preset, shape)
    shape = prefer(shape, "scaled_dot", pool=True)
    generator = Generator(shape)
    return System(
        {"generator": generator, "discriminator": Discriminator(shape)},
        AdversarialGame(
            Objective("relativistic", r1_gamma=0.3, r2_gamma=0.3, penalty_every=4), generator.z_dim, group=GROUP
        ),
        rates={"generator": 5e-4, "discriminator": 5e-4},
        z_dim=generator.z_dim,
        betas=(0.0, 0.99),
        batch_size=8,
        policy=("translate", "scale", "rotate"),
    )

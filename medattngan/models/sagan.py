"""SAGAN: residual blocks under spectral norms, with self-attention. Zhang et al. 2019, arXiv:1805.08318.

As in the paper's section 4 and its code (https://github.com/brain-research/self-attention-gan): spectral
normalisation in both networks (Miyato et al. 2018, arXiv:1802.05957), batch normalisation by class in the
generator (Dumoulin et al. 2017, arXiv:1610.07629), a projection discriminator (Miyato & Koyama 2018,
arXiv:1802.05637), the hinge loss, and two learning rates. Its attention max-pools keys and values and does
not scale its scores; the paper has it at 32², so give `attention.resolutions: [32]`. The paper's images are
128 px; other sizes add or drop a block, with 16 × `width` channels at most. Not the paper's: batches of 64 in
place of 256, and one channel. Continuous conditions go where labels do: into gains and shifts, and into the
projection.

Width 64 is the paper's and meant for a GPU; on a CPU give `model.generator_width=16` and
`model.discriminator_width=16`, a sixteenth of the work.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.conditions.embedding import ValueEmbedding
from medattngan.core.types import Features, Images, Latent, Logits
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.objective import Objective
from medattngan.models.layers import attention_at, prefer, require_labels_and_numbers
from medattngan.models.shape import Shape

WIDTH = 64
WIDEST = 16
Z_DIM = 128


def _width(resolution: int, largest: int, base: int) -> int:
    """Channels of maps `resolution` high: `base` at `largest`, then twice as many a halving, to a limit."""
    return base * min(largest // resolution, WIDEST)


def _normed(layer: nn.Conv2d | nn.Linear | nn.Embedding) -> nn.Module:
    """Start from Xavier's weights and no bias, as the paper's code does, and keep the spectral norm at 1."""
    nn.init.xavier_uniform_(layer.weight)
    if not isinstance(layer, nn.Embedding) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return spectral_norm(layer)


def _attention(shape: Shape, resolution: int, channels: int) -> nn.Sequential:
    """The attention for maps of this height, or nothing; its convolutions have spectral norm 1, too."""
    modules = nn.Sequential(*attention_at(shape, resolution, channels))
    for layer in list(modules.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            _normed(layer)
    return modules


class ClassBatchNorm2d(nn.Module):
    """Batch normalisation with a gain and a shift for each class: (B, C, H, W) → (B, C, H, W).

    Dumoulin et al. 2017, arXiv:1610.07629, Eq. 5. Continuous conditions, by `numbers`, add to both.
    """

    def __init__(self, channels: int, classes: int, numbers: Sequence[str] = ()) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Embedding(max(classes, 1), channels)
        self.shift = nn.Embedding(max(classes, 1), channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)
        self.values = None
        if numbers:
            self.values = ValueEmbedding(numbers, 2 * channels)
            nn.init.zeros_(self.values.output.weight)

    def forward(self, x: Features, conditions: Conditions) -> Features:
        label = conditions.get("label")
        if label is None:  # numbers alone: one class
            label = x.new_zeros(x.shape[0], dtype=torch.long)
        gain, shift = self.gain(label), self.shift(label)
        if self.values is not None:
            more = self.values(conditions).chunk(2, 1)
            gain, shift = gain + more[0], shift + more[1]
        return torch.as_tensor(gain[:, :, None, None] * self.normalise(x) + shift[:, :, None, None])


class GeneratorBlock(nn.Module):
    """Normalise, double the side, convolve twice, and add a shortcut.

    (B, inputs, H, W) → (B, outputs, 2H, 2W).
    """

    def __init__(self, inputs: int, outputs: int, classes: int, numbers: Sequence[str] = ()) -> None:
        super().__init__()
        self.conditional = bool(classes or numbers)
        self.norms = nn.ModuleList(
            ClassBatchNorm2d(c, classes, numbers) if self.conditional else nn.BatchNorm2d(c) for c in (inputs, outputs)
        )
        self.convolutions = nn.ModuleList(_normed(nn.Conv2d(c, outputs, 3, padding=1)) for c in (inputs, outputs))
        self.shortcut = _normed(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Features, conditions: Conditions = NOTHING) -> Features:
        condition = (conditions,) if self.conditional else ()
        y = F.relu(self.norms[0](x, *condition))
        y = self.convolutions[0](F.interpolate(y, scale_factor=2.0, mode="nearest"))
        y = self.convolutions[1](F.relu(self.norms[1](y, *condition)))
        # A 1×1 convolution and the doubling commute: the paper's code doubles first, at four times the cost.
        return F.interpolate(self.shortcut(x), scale_factor=2.0, mode="nearest") + torch.as_tensor(y)


class DiscriminatorBlock(nn.Module):
    """Convolve twice, halve the side, and add a shortcut: (B, inputs, H, W) → (B, outputs, H/2, W/2).

    Args:
        first: the input is an image, which is not rectified.
        halve: whether to halve the side; if not, `inputs` equals `outputs` and the shortcut is the input.
    """

    def __init__(self, inputs: int, outputs: int, *, first: bool = False, halve: bool = True) -> None:
        super().__init__()
        self.first, self.halve = first, halve
        self.convolutions = nn.ModuleList(_normed(nn.Conv2d(c, outputs, 3, padding=1)) for c in (inputs, outputs))
        self.shortcut = _normed(nn.Conv2d(inputs, outputs, 1)) if halve else nn.Identity()

    def forward(self, x: Features) -> Features:
        y = self.convolutions[0](x if self.first else F.relu(x))
        y = self.convolutions[1](F.relu(y))
        if self.halve:  # the mean before the 1×1 convolution, which commutes with it and costs a quarter there
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        return torch.as_tensor(self.shortcut(x) + y)


class Generator(nn.Module):
    """Residual blocks from 4 px to `size`, which want labels where there are any.

    (B, z_dim) → (B, 1, size, size) in [-1, 1].
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.z_dim = shape.z_dim or Z_DIM
        self.width = base = shape.generator_width or WIDTH
        channels = _width(4, shape.size, base)
        self.first = _normed(nn.Linear(self.z_dim, channels * 16))
        self.blocks = nn.ModuleList()
        self.attentions = nn.ModuleList()
        resolution = 4
        while resolution < shape.size:
            resolution *= 2
            width = _width(resolution, shape.size, base)
            self.blocks.append(GeneratorBlock(channels, width, shape.classes, shape.numbers))
            self.attentions.append(_attention(shape, resolution, width))
            channels = width
        self.norm = nn.BatchNorm2d(channels)
        self.last = _normed(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, z: Latent, conditions: Conditions = NOTHING) -> Images:
        x = self.first(z).reshape(z.shape[0], -1, 4, 4)
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x, conditions))
        return torch.tanh(self.last(F.relu(self.norm(x))))


class Discriminator(nn.Module):
    """Residual blocks from `size` to 4 px, which want labels where there are any.

    (B, 1, size, size) → (B,).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.width = base = shape.discriminator_width or WIDTH
        stages: list[nn.Module] = []
        resolution, channels = shape.size, 1
        while resolution > 4:
            resolution //= 2
            width = _width(resolution, shape.size // 2, base)
            stages += [
                DiscriminatorBlock(channels, width, first=not stages),
                _attention(shape, resolution, width),
            ]
            channels = width
        self.stages = nn.Sequential(*stages, DiscriminatorBlock(channels, channels, halve=False), nn.ReLU())
        self.last = _normed(nn.Linear(channels, 1))
        self.embedding = _normed(nn.Embedding(shape.classes, channels)) if shape.classes else None
        self.values = ValueEmbedding(shape.numbers, channels) if shape.numbers else None
        if self.values is not None:
            _normed(self.values.hidden)
            _normed(self.values.output)

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        x = self.stages(images).sum((2, 3))
        logits = torch.as_tensor(self.last(x)).squeeze(1)
        if self.embedding is not None:
            logits = logits + (self.embedding(conditions["label"]) * x).sum(1)
        if self.values is not None:
            logits = logits + (self.values(conditions) * x).sum(1)
        return logits


def build(shape: Shape) -> System:
    """Networks and game of the paper, conditional where there are classes, without augmentation."""
    require_labels_and_numbers("sagan", shape)
    shape = prefer(shape, "scaled_dot", pool=True, scaled=False)
    generator = Generator(shape)
    return System(
        {"generator": generator, "discriminator": Discriminator(shape)},
        AdversarialGame(Objective("hinge"), generator.z_dim),
        rates={"generator": 1e-4, "discriminator": 4e-4},
        z_dim=generator.z_dim,
        betas=(0.0, 0.9),
        batch_size=64,
    )

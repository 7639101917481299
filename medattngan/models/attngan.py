"""AttnGAN: a sentence makes a small slice, and words, looked up by each position, refine it stage by stage.

Xu et al. 2018, arXiv:1711.10485, section 3. F_0 grows (z, F_ca(ē)) to a quarter of the side, F_1 and F_2 join each
position with the words that it reads, pass residual blocks and double the side; G_0, G_1 and G_2 draw a slice each. A
discriminator a size has an unconditional and a conditional score. Text encoder and image encoder are trained
first, by the matching of slices and captions (DAMSM), and then stay as they are. Layers are those of the published code
(https://github.com/taoxugit/AttnGAN), widths as there; docs/decisions/0031 says what differs and why.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medattngan.attention.words import WordAttention2d
from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.files import UserError
from medattngan.core.types import Features, Images, Latent, Logits
from medattngan.games.attngan import AttnGanGame
from medattngan.games.game import System
from medattngan.models.layers import only_text
from medattngan.models.matching_encoder import MatchingEncoder
from medattngan.models.shape import Shape
from medattngan.models.text_encoder import TextEncoder

NOISE = 100
"""Width of z, and of the condition that F_ca makes of the sentence."""
WORDS = 256
GENERATOR_WIDTH, DISCRIMINATOR_WIDTH = 32, 64
STAGES = 3
PRETRAIN_KIMG = 20.0
"""Thousands of slices that the encoders are shown before the game begins."""
RATES = {"generator": 2e-4, "text": 2e-3, "regions": 2e-3}


class Drawn(NamedTuple):
    """What a game asks of the generator, besides the slice.

    Args:
        images: (B, 1, H, W) of each stage, the smallest first.
        mean, log_variance: of the condition's normal distribution, (B, NOISE) each.
        words, there, sentence: of the text encoder: (B, T, WORDS), (B, T) and (B, WORDS), without graph.
    """

    images: tuple[Images, ...]
    mean: Tensor
    log_variance: Tensor
    words: Tensor
    there: Tensor
    sentence: Tensor


class ConditioningAugmentation(nn.Module):
    """μ + σ ε of a sentence: Zhang et al. 2017 (StackGAN), arXiv:1612.03242, section 3.2.

    (B, width) and ε (B, condition) → the condition, its mean and the logarithm of its variance, (B, condition) each.
    """

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 4 * condition)

    def forward(self, sentence: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = F.glu(self.linear(sentence), 1).chunk(2, 1)
        return mean + (0.5 * log_variance).exp() * epsilon, mean, log_variance


def doubled(inputs: int, outputs: int) -> nn.Sequential:
    """Nearest upsampling, a convolution, batch normalisation, a gated linear unit: (B, I, H, W) → (B, O, 2H, 2W)."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(2 * outputs),
        nn.GLU(1),
    )


class Residual(nn.Module):
    """Two convolutions with a gated linear unit between them, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.GLU(1),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Features) -> Features:
        return x + torch.as_tensor(self.layers(x))


class NextStage(nn.Module):
    """F_i: each position joined with the words it reads, two residual blocks, twice the side.

    (B, C, H, W), words, which are there, the condition → (B, C, 2H, 2W). Where it attends to no words, each position is
    joined with the condition in their place.
    """

    def __init__(self, channels: int, condition: int, attends: bool) -> None:
        super().__init__()
        self.attention = WordAttention2d(channels, WORDS) if attends else None
        self.condition = None if attends else nn.Linear(condition, channels, bias=False)
        self.grow = nn.Sequential(Residual(2 * channels), Residual(2 * channels), doubled(2 * channels, channels))

    def forward(self, x: Features, words: Tensor, there: Tensor, condition: Tensor) -> Features:
        if self.attention is not None:
            read = self.attention(x, words, there)
        else:
            assert self.condition is not None
            read = self.condition(condition)[:, :, None, None].expand_as(x)
        return torch.as_tensor(self.grow(torch.cat([x, read], 1)))


class Generator(nn.Module):
    """(B, 2 · noise) and tokens (B, T) → (B, 1, size, size) in [-1, 1].

    The first half of the latent is the paper's z, the other the ε of the conditioning augmentation.
    """

    def __init__(self, shape: Shape, text: TextEncoder) -> None:
        super().__init__()
        self.noise = (shape.z_dim or 2 * NOISE) // 2
        self.z_dim = 2 * self.noise
        self.width = width = shape.generator_width or GENERATOR_WIDTH
        self.text = text
        self.augment = ConditioningAugmentation(text.width, self.noise)
        first = shape.size >> (STAGES - 1)
        doublings = int(math.log2(first)) - 2
        self.widest = width * 2**doublings
        self.first = nn.Sequential(
            nn.Linear(2 * self.noise, self.widest * 32, bias=False), nn.BatchNorm1d(self.widest * 32), nn.GLU(1)
        )
        self.start = nn.Sequential(*(doubled(self.widest >> i, self.widest >> (i + 1)) for i in range(doublings)))
        heights = [first << i for i in range(STAGES - 1)]
        self.reads = tuple(heights if shape.words is None else shape.words)
        self.stages = nn.ModuleList(NextStage(width, self.noise, height in self.reads) for height in heights)
        self.images = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, 1, 3, padding=1, bias=False), nn.Tanh()) for _ in range(STAGES)
        )

    def forward(self, z: Latent, conditions: Conditions = NOTHING, whole: bool = False) -> Images | Drawn:
        """The slice, or with `whole` all that the game asks for."""
        with torch.no_grad():  # the encoder was trained by matching, and stays
            words, there, sentence = self.text(conditions["text"])
        condition, mean, log_variance = self.augment(sentence, z[:, self.noise :])
        x = self.first(torch.cat([condition, z[:, : self.noise]], 1)).reshape(len(z), self.widest, 4, 4)
        maps = [self.start(x)]
        for stage in self.stages:
            maps.append(stage(maps[-1], words, there, condition))
        if not whole:
            return torch.as_tensor(self.images[-1](maps[-1]))
        images = tuple(draw(x) for draw, x in zip(self.images, maps, strict=True))
        return Drawn(images, mean, log_variance, words, there, sentence)


class Discriminator(nn.Module):
    """Slices of one size, (B, 1, size, size): an unconditional score, and one for each sentence they are shown with.

    Called with `sentences` (S, B, WORDS) among the conditions it gives (1 + S, B), the unconditional scores first; with
    any others the unconditional ones alone, (B,).
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.width = width
        layers: list[nn.Module] = []
        halvings = int(math.log2(size)) - 2
        channels = 1
        for i in range(halvings):
            wider = width * 2**i
            layers.append(nn.Conv2d(channels, wider, 4, 2, 1, bias=False))
            layers += [] if i == 0 else [nn.BatchNorm2d(wider)]
            layers.append(nn.LeakyReLU(0.2))
            channels = wider
        while channels != 8 * width:  # the published code ends eight times as wide at every size
            wider = channels * 2 if channels < 8 * width else channels // 2
            layers += [nn.Conv2d(channels, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider), nn.LeakyReLU(0.2)]
            channels = wider
        self.features = nn.Sequential(*layers)
        self.joint = nn.Sequential(
            nn.Conv2d(channels + WORDS, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(0.2),
        )
        self.unconditional = nn.Conv2d(channels, 1, 4)
        self.conditional = nn.Conv2d(channels, 1, 4)

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        x = self.features(images)
        alone = self.unconditional(x).flatten()
        if "sentences" not in conditions:
            return torch.as_tensor(alone)
        scores = [alone]
        for sentence in conditions["sentences"]:
            joint = torch.cat([x, sentence[:, :, None, None].expand(-1, -1, 4, 4)], 1)
            scores.append(self.conditional(self.joint(joint)).flatten())
        return torch.stack(scores)


def build(shape: Shape) -> System:
    """The networks and the game of the paper, for three sizes up to `shape.size`.

    Raises:
        UserError: there is no text among the conditions, or anything else.
    """
    vocabulary = only_text("attngan", shape)
    heights = [shape.size >> i for i in (2, 1)]
    if unknown := [height for height in shape.words or () if height not in heights]:
        raise UserError(f"attention.words has {unknown[0]}, but attngan reads words at {heights[0]} and {heights[1]}.")
    if (shape.z_dim or 0) % 2:
        raise UserError(f"model.z_dim is {shape.z_dim}, but half of it is the noise of attngan; set an even number.")
    text = TextEncoder(vocabulary, WORDS)
    generator, regions = Generator(shape, text), MatchingEncoder(shape.size, WORDS)
    width = shape.discriminator_width or DISCRIMINATOR_WIDTH
    sizes = [shape.size >> i for i in reversed(range(STAGES))]
    judges = {f"discriminator_{size}": Discriminator(size, width) for size in sizes}
    pretrain = PRETRAIN_KIMG if shape.pretrain_kimg is None else shape.pretrain_kimg
    # The text encoder stands after the generator that holds it: whose parameters move is said in this order.
    return System(
        {"generator": generator, "regions": regions, **judges, "text": text},
        AttnGanGame(tuple(judges), generator.z_dim, round(1000 * pretrain)),
        rates={**RATES, **dict.fromkeys(judges, 2e-4)},
        z_dim=generator.z_dim,
        betas=(0.5, 0.999),
        batch_size=16,
        augments=False,
        discriminator=f"discriminator_{shape.size}",
    )

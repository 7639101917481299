"""The default, drawn from captions: words are read at 16 × 16 and 32 × 32, and looked for by the discriminator.

To the generator of `compact` the sentence is added as labels are there, and the maps of the heights in
`attention.words` read the words, position by position, as in AttnGAN (Xu et al. 2018, arXiv:1711.10485, section 3.1:
unscaled, no gate). The discriminator projects the sentence (Miyato & Koyama 2018, arXiv:1802.05637), and looks for each
word where its maps of 16 × 16 say most of it. Both have a text encoder of their own, learned in the game: nothing is
trained beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medattngan.attention.words import WordAttention2d
from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.files import UserError
from medattngan.core.types import Features, Images, Latent, Logits
from medattngan.games.game import System
from medattngan.models import compact
from medattngan.models.compact import After, unchanged
from medattngan.models.layers import minibatch_deviation, only_text, prefer
from medattngan.models.shape import Shape
from medattngan.models.text_encoder import TextEncoder

WIDTH = 128
"""Of a word and of a sentence."""
EMBEDDING = 64
HEIGHTS = (16, 32)
LOOKED_FOR_AT = 16
"""Height of the discriminator's maps in which words are looked for."""


def read_heights(shape: Shape) -> tuple[int, ...]:
    """Heights of the generator's maps that read words.

    Raises:
        UserError: there are no maps so high.
    """
    wanted = [height for height in HEIGHTS if height <= shape.size] if shape.words is None else shape.words
    there = [2**n for n in range(3, int(math.log2(shape.size)) + 1)]
    if unknown := [height for height in wanted if height not in there]:
        raise UserError(
            f"attention.words has {unknown[0]}, but no maps of compact_text are so high; choose in {there}."
        )
    return tuple(wanted)


class Generator(compact.Generator):
    """(B, z_dim) and tokens (B, T) → (B, 1, size, size) in [-1, 1]."""

    def __init__(self, shape: Shape, vocabulary: int) -> None:
        super().__init__(replace(shape, conditions=()))
        self.text = TextEncoder(vocabulary, WIDTH, EMBEDDING)
        self.sentence = nn.Linear(WIDTH, self.z_dim)
        self.reads = read_heights(shape)
        self.words = nn.ModuleDict(
            {
                str(height): WordAttention2d(compact.width_at(height, shape.size, self.width), WIDTH)
                for height in self.reads
            }
        )

    def forward(self, z: Latent, conditions: Conditions = NOTHING) -> Images:
        words, there, sentence = self.text(conditions["text"])
        style = self.mapping(z + self.sentence(sentence))
        return super().draw([style] * len(self.resolutions), conditions, self._reader(words, there))

    def style(self, z: Latent, conditions: Conditions = NOTHING) -> Tensor:
        """(B, z_dim), moved by the sentence → (B, z_dim)."""
        _, _, sentence = self.text(conditions["text"])
        style: Tensor = self.mapping(z + self.sentence(sentence))
        return style

    def draw(self, styles: Sequence[Tensor], conditions: Conditions = NOTHING, after: After = unchanged) -> Images:
        """One style (B, z_dim) a resolution, whose maps read the words → (B, 1, size, size) in [-1, 1]."""
        words, there, _ = self.text(conditions["text"])
        read = self._reader(words, there)
        return super().draw(styles, conditions, lambda x: after(read(x)))

    def _reader(self, words: Tensor, there: Tensor) -> Callable[[Features], Features]:
        def read(x: Features) -> Features:
            height = str(x.shape[-1])
            return x + self.words[height](x, words, there) if height in self.words else x

        return read


class Discriminator(compact.Discriminator):
    """(B, 1, size, size) and tokens (B, T) → (B,)."""

    def __init__(self, shape: Shape, vocabulary: int) -> None:
        super().__init__(replace(shape, conditions=(), rebuilding=False))
        self.text = TextEncoder(vocabulary, WIDTH, EMBEDDING)
        self.sentence = nn.Linear(WIDTH, self.last.in_features)
        middle = compact.width_at(LOOKED_FOR_AT, shape.size, self.width)
        self.search = nn.Linear(WIDTH, middle) if read_heights(shape) else None

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        words, there, sentence = self.text(conditions["text"])
        x = middle = images.contiguous(memory_format=torch.channels_last)
        for layer in self.stages:
            x = layer(x)
            middle = x if x.shape[-1] == LOOKED_FOR_AT else middle
        x = F.leaky_relu(self.summary(minibatch_deviation(x)), 0.2).flatten(1)
        logits: Logits = torch.as_tensor(self.last(x)).squeeze(1)
        logits = logits + (self.sentence(sentence) * x).sum(1) / math.sqrt(x.shape[1])
        if self.search is not None:
            logits = logits + found(middle, self.search(words), there)
        return torch.as_tensor(logits)


def found(x: Features, sought: Tensor, there: Tensor) -> Logits:
    """How much of the words is in a map where each has most of it: (B, C, H, W), (B, T, C), (B, T) → (B,).

    The scores of a word with the positions, scaled, are averaged by their own softmax; the mean over the words.

    >>> x = torch.zeros(1, 4, 2, 2); x[0, :, 0, 1] = 3.0
    >>> found(x, torch.ones(1, 1, 4), torch.ones(1, 1, dtype=torch.bool)).round(decimals=2)  # nearly 3 · 4 / √4 = 6
    tensor([5.9600])
    """
    scores = sought @ x.flatten(2) / math.sqrt(x.shape[1])
    best = (scores.softmax(2) * scores).sum(2) * there
    return torch.as_tensor(best.sum(1) / there.sum(1).clamp(min=1))


def build(shape: Shape) -> System:
    """Networks of the default that draw from captions, and its game.

    Raises:
        UserError: there is no text among the conditions, or anything else.
    """
    vocabulary = only_text("compact_text", shape)
    plain = compact.build(replace(shape, conditions=()))
    shape = prefer(shape, "scaled_dot", pool=True)
    generator, discriminator = Generator(shape, vocabulary), Discriminator(shape, vocabulary)
    return replace(plain, networks={"generator": generator, "discriminator": discriminator})

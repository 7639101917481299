"""A caption as vectors: an embedding and one bidirectional LSTM layer.

Xu et al. 2018 (AttnGAN), arXiv:1711.10485, section 3.2: a word is the two hidden states at its place, the sentence the
last of each direction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medattngan.conditions.text import PADDING, lengths

EMBEDDING = 300


class TextEncoder(nn.Module):
    """Tokens (B, T) → words (B, T, width), which of them are there (B, T), the sentence (B, width).

    What follows a caption's last word changes neither its words nor its sentence. The backward direction reads each
    caption turned round in its own length, by indices: a packed sequence would read lengths back from the device.

    Args:
        vocabulary: words; their tokens are counted from 1.
        width: of a word and of a sentence, half from each direction.
        embedding: width of what the LSTM reads.
    """

    def __init__(self, vocabulary: int, width: int = 256, embedding: int = EMBEDDING) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary + 1, embedding, padding_idx=PADDING)
        self.onwards = nn.LSTM(embedding, width // 2, batch_first=True)
        self.backwards = nn.LSTM(embedding, width // 2, batch_first=True)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        with torch.no_grad():
            self.embedding.weight[PADDING].zero_()

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        there, count = tokens != PADDING, lengths(tokens)
        embedded = self.embedding(tokens)
        turned = _turned(count, tokens.shape[1])
        onwards = self.onwards(embedded)[0]
        backwards = _gathered(self.backwards(_gathered(embedded, turned))[0], turned)
        words = torch.cat([onwards, backwards], 2) * there[..., None]
        last = (count - 1).clamp(min=0)[:, None]
        sentence = torch.cat([_gathered(onwards, last)[:, 0], backwards[:, 0]], 1)
        return words, there, sentence


def _turned(count: Tensor, places: int) -> Tensor:
    """(B, T): where to read so that the first `count` are in reverse order; the others stay.

    >>> _turned(torch.tensor([3, 1]), 4)
    tensor([[2, 1, 0, 3],
            [0, 1, 2, 3]])
    """
    place = torch.arange(places, device=count.device).expand(len(count), -1)
    return torch.where(place < count[:, None], count[:, None] - 1 - place, place)


def _gathered(x: Tensor, places: Tensor) -> Tensor:
    """Rows of x (B, T, D) at places (B, n): (B, n, D)."""
    return x.gather(1, places[..., None].expand(-1, -1, x.shape[2]))

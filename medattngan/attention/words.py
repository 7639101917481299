"""Attention over the words of a caption: each position of a feature map reads the words that matter to it.

    e'_i = U e_i,   β_ji = softmax_i(h_jᵀ e'_i),   c_j = Σ_i β_ji e'_i

Xu et al. 2018 (AttnGAN), arXiv:1711.10485, section 3.1: unscaled, without a gate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medattngan.core.types import Features


class WordAttention2d(nn.Module):
    """What positions read of words: a map (B, C, H, W), words (B, T, D), which are there (B, T) → (B, C, H, W).

    A word that is not there is read by no position, in whatever order the batch stands; where there is none at all,
    what is read is 0.

    Args:
        channels: width of the map, and of what is read.
        width: of the words.

    >>> WordAttention2d(8, 6)(torch.zeros(2, 8, 4, 4), torch.zeros(2, 5, 6), torch.ones(2, 5, dtype=torch.bool)).shape
    torch.Size([2, 8, 4, 4])
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, channels, bias=False)

    def forward(self, x: Features, words: Tensor, there: Tensor) -> Features:
        projected = self.project(words)
        read = self._weights(x, projected, there) @ projected
        found: Features = read.transpose(1, 2).reshape(x.shape)
        return found

    def weights(self, x: Features, words: Tensor, there: Tensor) -> Tensor:
        """How much each position reads of each word: (B, T, H, W), summing to 1 over the words."""
        weights = self._weights(x, self.project(words), there)
        return weights.transpose(1, 2).reshape(len(x), -1, *x.shape[-2:])

    def _weights(self, x: Features, projected: Tensor, there: Tensor) -> Tensor:
        """(B, H·W, T)."""
        scores = x.flatten(2).transpose(1, 2).float() @ projected.transpose(1, 2).float()
        # One mask a slice, for all of its positions by broadcasting: repeated by hand it can go to another slice's.
        shut = ~there[:, None, :]
        weights = scores.masked_fill(shut, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(shut, 0.0)
        return weights.to(projected.dtype)

"""Multi-head attention over the positions of a feature map.

    read = W_o concat(head_1 … head_h),   head_i = softmax(q_i k_iᵀ / √d) v_i,   d = width / h

Vaswani et al. 2017, arXiv:1706.03762, Section 3.2.2; its sinusoidal position encoding (Section 3.5) is
optional, half of the channels for the row and half for the column.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from medattngan.attention.functional import attend, scores_dot, to_map, to_tokens
from medattngan.core.types import Features


class MultiHeadAttention2d(nn.Module):
    """Let every position read every other in several subspaces at once.

    The gate `gamma` starts at 0, so a new module is the identity.

    Args:
        channels: width of the input (B, channels, H, W); the output has the same shape.
        heads: number of subspaces.
        reduction: queries, keys and values of all heads together are channels // reduction wide.
        position: add a sinusoidal code of row and column to what queries and keys see.

    Raises:
        ValueError: the heads do not divide that width; with position, channels is not a multiple of 4.

    >>> MultiHeadAttention2d(16, heads=4)(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 16, 8, 8])
    """

    def __init__(self, channels: int, *, heads: int = 4, reduction: int = 1, position: bool = False) -> None:
        super().__init__()
        width = channels // reduction
        if heads < 1 or width < 1 or width % heads:
            raise ValueError(f"heads={heads} does not divide the width {width} of queries, keys and values")
        if position and channels % 4:
            raise ValueError(f"position=True needs channels to be a multiple of 4, not {channels}")
        self.query = nn.Conv2d(channels, width, 1, bias=False)
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, width, 1, bias=False)
        self.output = nn.Conv2d(width, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.heads = heads
        self.position = position
        self.scale = (width // heads) ** -0.5

    def forward(self, x: Features) -> Features:
        return x + self.gamma * self.read(x)

    def read(self, x: Features) -> Features:
        """What the positions read, before the gate: the shape of x."""
        q, k = self._queries_and_keys(x)
        v = to_tokens(self.value(x), self.heads)
        read = attend(to_tokens(q, self.heads), to_tokens(k, self.heads), v, self.scale)
        out: Features = self.output(to_map(read, *x.shape[-2:]))
        return out

    def weights(self, x: Features, query: tuple[int, int]) -> Tensor:
        """How much the position `query` = (row, column) reads of each: (B, heads, H, W), summing to 1."""
        row, column = query
        q, k = self._queries_and_keys(x)
        here = to_tokens(q[:, :, row : row + 1, column : column + 1], self.heads)
        scores = scores_dot(here, to_tokens(k, self.heads), self.scale)
        return scores.softmax(-1).reshape(len(x), self.heads, *x.shape[-2:])

    def _queries_and_keys(self, x: Features) -> tuple[Features, Features]:
        seen = x + position_code(x) if self.position else x
        return self.query(seen), self.key(seen)


def position_code(x: Features) -> Tensor:
    """Sines and cosines of row and column in wavelengths from 2π to 20000π pixels: (C, H, W), like x.

    >>> position_code(torch.zeros(1, 8, 1, 1)).flatten()
    tensor([0., 0., 1., 1., 0., 0., 1., 1.])
    """
    channels, height, width = x.shape[-3:]
    quarter = channels // 4
    rates = torch.exp(torch.arange(quarter, device=x.device) * (-math.log(1e4) / quarter))
    row, column = (torch.outer(rates, torch.arange(n, device=x.device).float()) for n in (height, width))
    rows = torch.cat([row.sin(), row.cos()])[:, :, None].expand(-1, height, width)
    columns = torch.cat([column.sin(), column.cos()])[:, None, :].expand(-1, height, width)
    return torch.cat([rows, columns]).to(x.dtype)

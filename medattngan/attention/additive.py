"""Additive attention over the positions of a feature map.

    score(i, j) = wᵀ tanh(W_q x_i + W_k x_j + b)          Bahdanau et al. 2015, arXiv:1409.0473, App. A.1.2

Written with broadcasting this needs N·M·d numbers; here a block of queries at a time needs them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.attention.additive_kernel import additive_gradient, additive_value
from medattngan.attention.fold import Tensors, fold, wide
from medattngan.attention.functional import block_rows, is_exported, to_map, to_tokens
from medattngan.core.types import Features


def scores_additive(q: Tensor, k: Tensor, energy: Tensor) -> Tensor:
    """wᵀ tanh(q_i + k_j): queries (B, h, N, d), keys (B, h, M, d), energy (d,) → (B, h, N, M)."""
    return torch.tanh(wide(q).unsqueeze(3) + wide(k).unsqueeze(2)) @ wide(energy)


def attend_additive(q: Tensor, k: Tensor, v: Tensor, energy: Tensor) -> Tensor:
    """softmax(wᵀ tanh(q_i + k_j)) v: (B, h, N, d_v), in memory linear in N and M.

    Differentiable any number of times, each time in the same memory.

    >>> q, v = torch.zeros(1, 1, 3, 2), torch.arange(3.0).view(1, 1, 3, 1)
    >>> attend_additive(q, q, v, torch.ones(2)).flatten()
    tensor([1., 1., 1.])
    """
    if is_exported():
        return _block((q,), (k, v, energy))[0][0]
    rows = block_rows(q, k, width=q.shape[-1])
    return fold(_block, (q,), (k, v, energy), rows, fast=(additive_value, additive_gradient))[0]


def _block(rows: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
    k, v, energy = shared
    return (scores_additive(rows[0], k, energy).softmax(-1).to(v.dtype) @ v,), ()


class AdditiveAttention2d(nn.Module):
    """Let every position read every other, matched by a small network of one hidden layer.

    The gate `gamma` starts at 0, so a new module is the identity.

    Args:
        channels: width of the input (B, channels, H, W); the output has the same shape.
        reduction: the hidden layer is channels // reduction wide.
        value_reduction: values are channels // value_reduction wide.
        pool: max-pool keys and values 2×2: a quarter of the cost.

    >>> AdditiveAttention2d(16)(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 16, 8, 8])
    """

    def __init__(self, channels: int, *, reduction: int = 8, value_reduction: int = 2, pool: bool = False) -> None:
        super().__init__()
        width, value_width = max(1, channels // reduction), max(1, channels // value_reduction)
        self.query = nn.Conv2d(channels, width, 1)  # its bias is b
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, value_width, 1, bias=False)
        self.output = nn.Conv2d(value_width, channels, 1, bias=False)
        self.energy = nn.Parameter(torch.randn(width) * width**-0.5)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.pool = pool

    def forward(self, x: Features) -> Features:
        return x + self.gamma * self.read(x)

    def read(self, x: Features) -> Features:
        """What the positions read, before the gate: the shape of x."""
        q, k = to_tokens(self.query(x)), to_tokens(self._pooled(self.key(x)))
        read = attend_additive(q, k, to_tokens(self._pooled(self.value(x))), self.energy)
        out: Features = self.output(to_map(read, *x.shape[-2:]))
        return out

    def weights(self, x: Features, query: tuple[int, int]) -> Tensor:
        """How much the position `query` = (row, column) reads of each: (B, 1, H', W'), summing to 1."""
        row, column = query
        q = to_tokens(self.query(x)[:, :, row : row + 1, column : column + 1])
        keys = self._pooled(self.key(x))
        read = scores_additive(q, to_tokens(keys), self.energy).softmax(-1)
        return read.reshape(len(x), 1, *keys.shape[-2:])

    def _pooled(self, x: Features) -> Features:
        return F.max_pool2d(x, 2, ceil_mode=True) if self.pool else x

"""Scaled dot-product attention over the positions of a feature map.

    read = W_o softmax(q kᵀ / √d) v,   q = W_q x, k = W_k x, v = W_v x

Vaswani et al. 2017, arXiv:1706.03762, Eq. 1; for feature maps Zhang et al. 2019 (SAGAN), arXiv:1805.08318,
Eq. 1-3. SAGAN's published code max-pools keys and values 2×2 and does not scale its scores.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.attention.functional import attend, scores_dot, to_map, to_tokens
from medattngan.core.types import Features


class ScaledDotAttention2d(nn.Module):
    """Let every position of a feature map read every other position.

    The gate `gamma` starts at 0, so a new module is the identity.
    SAGAN's own variant is `pool=True, scaled=False`.

    Args:
        channels: width of the input (B, channels, H, W); the output has the same shape.
        reduction: queries and keys are channels // reduction wide.
        value_reduction: values are channels // value_reduction wide.
        pool: max-pool keys and values 2×2: a quarter of the cost.
        scaled: divide the scores by √d.
        project: a last 1×1 convolution. Without it the values must be as wide as the input.

    Raises:
        ValueError: `project=False` with values narrower than the input.

    >>> ScaledDotAttention2d(16)(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 16, 8, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 8,
        value_reduction: int = 2,
        pool: bool = False,
        scaled: bool = True,
        project: bool = True,
    ) -> None:
        super().__init__()
        width, value_width = max(1, channels // reduction), max(1, channels // value_reduction)
        if not project and value_width != channels:
            raise ValueError(f"project=False needs value_reduction=1, not {value_reduction}")
        self.query = nn.Conv2d(channels, width, 1, bias=False)
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, value_width, 1, bias=False)
        self.output = nn.Conv2d(value_width, channels, 1, bias=False) if project else nn.Identity()
        self.gamma = nn.Parameter(torch.zeros(()))
        self.pool = pool
        self.scale = width**-0.5 if scaled else 1.0

    def forward(self, x: Features) -> Features:
        return x + self.gamma * self.read(x)

    def read(self, x: Features) -> Features:
        """What the positions read, before the gate: the shape of x."""
        q, v = to_tokens(self.query(x)), to_tokens(self._pooled(self.value(x)))
        read = attend(q, to_tokens(self._keys(x)), v, self.scale)
        out: Features = self.output(to_map(read, *x.shape[-2:]))
        return out

    def weights(self, x: Features, query: tuple[int, int]) -> Tensor:
        """How much the position `query` = (row, column) reads of each: (B, 1, H', W'), summing to 1."""
        row, column = query
        q = to_tokens(self.query(x)[:, :, row : row + 1, column : column + 1])
        keys = self._keys(x)
        read = scores_dot(q, to_tokens(keys), self.scale).softmax(-1)
        return read.reshape(len(x), 1, *keys.shape[-2:])

    def _keys(self, x: Features) -> Features:
        keys: Features = self.key(x)
        return self._pooled(keys)

    def _pooled(self, x: Features) -> Features:
        return F.max_pool2d(x, 2, ceil_mode=True) if self.pool else x

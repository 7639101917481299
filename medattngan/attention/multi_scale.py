"""Attention from every position to a pyramid of pooled maps.

    read = W_o softmax(q [k_1 … k_S]ᵀ / √d) [v_1 … v_S],   k_s = W_k pool_s(x) + e_s,   v_s = W_v pool_s(x)

Queries keep the full resolution; keys and values are the cells of average-pooled maps, all in one softmax:
a position may read a near detail from a fine map and a far region from a coarse one. Keys and values from a
pooling pyramid are those of Zhu et al. 2019 (asymmetric non-local networks), arXiv:1908.07678; e_s, learned
and zero at first, tells the scales apart, as in Zhu et al. 2021 (deformable DETR), arXiv:2010.04159, 4.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.attention.functional import attend, scores_dot, to_map, to_tokens
from medattngan.core.types import Features


class MultiScaleAttention2d(nn.Module):
    """Let every position read the cells of several pooled maps.

    The gate `gamma` starts at 0, so a new module is the identity.

    Args:
        channels: width of the input (B, channels, H, W); the output has the same shape.
        scales: sides of the pooled cells in positions; 1 is the map itself. Cost: the sum of 1 / scale².
        reduction: queries and keys are channels // reduction wide.
        value_reduction: values are channels // value_reduction wide.

    Raises:
        ValueError: no scale, or one below 1.

    >>> MultiScaleAttention2d(16, scales=(1, 4))(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 16, 8, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        scales: tuple[int, ...] = (2, 4, 8),
        reduction: int = 8,
        value_reduction: int = 2,
    ) -> None:
        super().__init__()
        if not scales or min(scales) < 1:
            raise ValueError(f"scales={tuple(scales)}: give at least one, each at least 1")
        width, value_width = max(1, channels // reduction), max(1, channels // value_reduction)
        self.query = nn.Conv2d(channels, width, 1, bias=False)
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, value_width, 1, bias=False)
        self.output = nn.Conv2d(value_width, channels, 1, bias=False)
        self.level = nn.Parameter(torch.zeros(len(scales), width))
        self.gamma = nn.Parameter(torch.zeros(()))
        self.scales = tuple(scales)
        self.scale = width**-0.5

    def forward(self, x: Features) -> Features:
        return x + self.gamma * self.read(x)

    def read(self, x: Features) -> Features:
        """What the positions read, before the gate: the shape of x."""
        pyramid = [pooled(x, scale) for scale in self.scales]
        v = torch.cat([to_tokens(self.value(level)) for level in pyramid], dim=2)
        read = attend(to_tokens(self.query(x)), self._keys(pyramid), v, self.scale)
        out: Features = self.output(to_map(read, *x.shape[-2:]))
        return out

    def weights(self, x: Features, query: tuple[int, int]) -> Tensor:
        """How much the position `query` = (row, column) reads of each: (B, 1, H, W), summing to 1.

        A cell's weight is shared out over the positions whose mean it holds.
        """
        row, column = query
        q = to_tokens(self.query(x)[:, :, row : row + 1, column : column + 1])
        pyramid = [pooled(x, scale) for scale in self.scales]
        read = scores_dot(q, self._keys(pyramid), self.scale).softmax(-1)
        cells = torch.split(read.flatten(1), [level[0, 0].numel() for level in pyramid], dim=1)
        levels = [part.reshape(len(x), 1, *level.shape[-2:]) for part, level in zip(cells, pyramid, strict=True)]
        return torch.stack([shared_out(level, *x.shape[-2:]) for level in levels]).sum(0)

    def _keys(self, pyramid: list[Features]) -> Tensor:
        keys = [to_tokens(self.key(x)) for x in pyramid]
        return torch.cat([k + e.to(k.dtype) for k, e in zip(keys, self.level, strict=True)], dim=2)


def pooled(x: Features, scale: int) -> Features:
    """Mean over cells of `scale` × `scale`: (B, C, ⌈H / scale⌉, ⌈W / scale⌉).

    >>> pooled(torch.arange(4.0).view(1, 1, 2, 2), 2).item()
    1.5
    """
    height, width = x.shape[-2:]
    return x if scale == 1 else F.adaptive_avg_pool2d(x, (-(-height // scale), -(-width // scale)))


def shared_out(cells: Features, height: int, width: int) -> Features:
    """Each cell's value in equal shares over the positions that it is the mean of: the transpose of pooling.

    >>> shared_out(torch.ones(1, 1, 1, 1), 2, 2).flatten()
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    with torch.enable_grad():
        positions = cells.new_zeros(*cells.shape[:2], height, width, requires_grad=True)
        means = F.adaptive_avg_pool2d(positions, (cells.shape[-2], cells.shape[-1]))
    return torch.autograd.grad(means, positions, cells)[0]

"""Attention across the slices of a stack: each position of a map reads the same position of the other slices.

    read_i = W_o Σ_j softmax_j((q_iᵀ k_j + (q_i + u)ᵀ r_{i−j}) / √d) v_j          over slices j at one (y, x)

Axial attention along the third axis (Ho et al. 2019, arXiv:1912.12180) with relative codes r = W_r φ(i − j), φ waves of
the offset (Dai et al. 2019, Transformer-XL, arXiv:1901.02860, Eq. 5): what a slice reads depends on how far the other
lies, never on where the stack begins. Slices farther off than training has seen are not read, so that a stack may be
deeper than those it was trained on.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from medattngan.core.types import Features

WAVES = 8
"""Cosines and as many sines of the offset."""
HEADS = 4


def offset_code(depth: int, reach: int, like: Tensor) -> Tensor:
    """Waves of i − j for the slices of a stack: (depth, depth, 2 · WAVES), the longest of period 4 · reach.

    >>> offset_code(3, 4, torch.zeros(()))[0, 0, :WAVES]  # cosines of no offset
    tensor([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    place = like.new_ones(depth, dtype=torch.float32).cumsum(0)
    rates = like.new_ones(WAVES, dtype=torch.float32).cumsum(0) * (math.pi / 2 / max(reach, 1))
    angles = (place[:, None] - place[None])[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], 2)


class SliceAttention(nn.Module):
    """Let every slice of a stack read the others, position by position. The gate `gamma` starts at 0.

    Args:
        channels: width of the maps (B · depth, channels, H, W), the slices of a stack in a row.
        reach: slices farther off than this are not read.

    >>> SliceAttention(16, reach=7)(torch.zeros(6, 16, 4, 4), depth=3).shape
    torch.Size([6, 16, 4, 4])
    """

    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        self.reach, width = reach, HEADS * max(channels // 4 // HEADS, 1)
        self.query = nn.Conv2d(channels, width, 1, bias=False)
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, 2 * width, 1, bias=False)
        self.output = nn.Conv2d(2 * width, channels, 1, bias=False)
        self.offsets = nn.Linear(2 * WAVES, width, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Features, depth: int) -> Features:
        return x + self.gamma * self.read(x, depth)

    def read(self, x: Features, depth: int) -> Features:
        """What the slices read, before the gate: the shape of x."""
        value = _tokens(self.value(x), depth)
        read = self.weights(x, depth).to(value.dtype) @ value
        out: Features = self.output(_map(read, x.shape[0], x.shape[2], x.shape[3]))
        return out

    def weights(self, x: Features, depth: int) -> Tensor:
        """How much each slice reads of each: (B · H · W, heads, depth, depth), the last summing to 1."""
        q, k = _tokens(self.query(x), depth), _tokens(self.key(x), depth)
        code = self.offsets(offset_code(depth, self.reach, x).to(q.dtype))
        code = code.view(depth, depth, HEADS, -1).permute(2, 0, 1, 3)
        biased = q + self.bias.to(q.dtype).view(HEADS, 1, -1)
        scores = q @ k.transpose(-1, -2) + torch.einsum("nhid,hijd->nhij", biased, code)
        place = x.new_ones(depth, dtype=torch.float32).cumsum(0)
        far = (place[:, None] - place[None]).abs() > self.reach
        scores = (scores * q.shape[-1] ** -0.5).float()
        weights: Tensor = scores.masked_fill(far, torch.finfo(torch.float32).min).softmax(-1)
        return weights


def _tokens(x: Features, depth: int) -> Tensor:
    """(B · D, heads · d, H, W) → (B · H · W, heads, D, d)."""
    count, channels, height, width = x.shape
    stacks = x.reshape(count // depth, depth, HEADS, channels // HEADS, height * width)
    return stacks.permute(0, 4, 2, 1, 3).reshape(-1, HEADS, depth, channels // HEADS)


def _map(tokens: Tensor, count: int, height: int, width: int) -> Features:
    """The inverse of `_tokens`: (count, heads · d, height, width)."""
    _, heads, depth, d = tokens.shape
    stacks = tokens.reshape(count // depth, height * width, heads, depth, d).permute(0, 3, 2, 4, 1)
    found = stacks.reshape(count, heads * d, height, width)
    return found.contiguous(memory_format=torch.channels_last)


class SliceConvolution(nn.Module):
    """The rival of `SliceAttention`: a 3-D convolution between two narrow projections, at the same cost, gated alike.

    Args:
        channels, reach: as there; the reach of a kernel of 3 is 1, whatever is asked for.

    >>> SliceConvolution(16, reach=7)(torch.zeros(6, 16, 4, 4), depth=3).shape
    torch.Size([6, 16, 4, 4])
    """

    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        width = equal_width(channels, reach + 1)
        self.down = nn.Conv2d(channels, width, 1, bias=False)
        self.convolution = nn.Conv3d(width, width, 3, padding=1)
        self.up = nn.Conv2d(width, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Features, depth: int) -> Features:
        narrow = self.down(x)
        stacks = narrow.reshape(-1, depth, *narrow.shape[1:]).transpose(1, 2)
        mixed = nn.functional.leaky_relu(self.convolution(stacks), 0.2).transpose(1, 2).reshape(narrow.shape)
        read: Features = self.up(mixed.contiguous(memory_format=torch.channels_last))
        return x + self.gamma * read


def attention_cost(channels: int, depth: int) -> int:
    """Multiplications that `SliceAttention` takes for one position of one slice of a stack.

    Of queries and keys, values and output: 2 · C · C/4 and 2 · C · C/2; of scores, codes and sums: D · C.
    """
    return 3 * channels**2 // 2 + depth * channels


def equal_width(channels: int, depth: int) -> int:
    """The width m at which a 3-D convolution costs what attention does: 27 m² + 2 C m = `attention_cost`.

    >>> m = equal_width(128, 16)
    >>> m, round((27 * m * m + 2 * 128 * m) / attention_cost(128, 16), 2)
    (27, 1.0)
    """
    root = math.sqrt(channels**2 + 27 * attention_cost(channels, depth))
    return max(1, round((root - channels) / 27))

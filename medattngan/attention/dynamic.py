"""A mixture of attentions whose shares the input itself sets.

    read = Σ_e g_e · γ_e · read_e(x),   g = softmax(W mean(x) + b), one share an image and attention

A dense mixture of experts (Jacobs et al. 1991, doi:10.1162/neco.1991.3.1.79) with this package's attentions
for experts. W and b start at 0: at first every attention has the same share.
"""

from __future__ import annotations

from functools import reduce
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.attention.additive import AdditiveAttention2d
from medattngan.attention.functional import is_exported
from medattngan.attention.multi_head import MultiHeadAttention2d
from medattngan.attention.multi_scale import MultiScaleAttention2d
from medattngan.attention.scaled_dot import ScaledDotAttention2d
from medattngan.core.types import Features

Expert = ScaledDotAttention2d | AdditiveAttention2d | MultiHeadAttention2d | MultiScaleAttention2d

EXPERTS: dict[str, type[Expert]] = {
    "scaled_dot": ScaledDotAttention2d,
    "additive": AdditiveAttention2d,
    "multi_head": MultiHeadAttention2d,
    "multi_scale": MultiScaleAttention2d,
}


class DynamicAttention2d(nn.Module):
    """Let every position read through several attentions, in shares that depend on the image.

    The gate `gamma` starts at 0, so a new module is the identity. `last_gate`, (B, experts) in the order of
    `experts`, keeps the shares of the last forward pass, detached, for the log; it is None before the first.

    Args:
        channels: width of the input (B, channels, H, W); the output has the same shape.
        experts: names of the attentions that are mixed.
        heads: heads of `multi_head`, where it is one of them.

    Raises:
        ValueError: an unknown expert, or none; heads that do not divide channels.

    >>> module = DynamicAttention2d(16)
    >>> module(torch.zeros(2, 16, 8, 8)).shape, module.last_gate.shape
    (torch.Size([2, 16, 8, 8]), torch.Size([2, 3]))
    """

    last_gate: Tensor | None

    def __init__(
        self,
        channels: int,
        *,
        experts: tuple[str, ...] = ("scaled_dot", "additive", "multi_head"),
        heads: int = 4,
    ) -> None:
        super().__init__()
        unknown = [name for name in experts if name not in EXPERTS]
        if unknown or not experts:
            raise ValueError(f"experts={tuple(experts)}: give one or more of {', '.join(EXPERTS)}")
        self.experts = nn.ModuleDict({name: _expert(name, channels, heads) for name in experts})
        # Plain parameters, not a layer: spectral normalization of a layer of zeros would divide by 0.
        self.gate_weight = nn.Parameter(torch.zeros(len(self.experts), channels))
        self.gate_bias = nn.Parameter(torch.zeros(len(self.experts)))
        self.gamma = nn.Parameter(torch.zeros(()))
        self.last_gate = None

    def forward(self, x: Features) -> Features:
        return x + self.gamma * self.read(x)

    def read(self, x: Features) -> Features:
        """What the positions read, before the gate: the shape of x."""
        shares = self.shares(x)
        if not is_exported():
            self.last_gate = shares.detach()
        reads = (expert.gamma * expert.read(x) for expert in self._experts())
        return reduce(torch.add, (g[:, None, None, None] * r for g, r in zip(shares.unbind(1), reads, strict=True)))

    def shares(self, x: Features) -> Tensor:
        """The share of each expert in each image: (B, experts), summing to 1."""
        return F.linear(x.mean((2, 3)), self.gate_weight, self.gate_bias).softmax(-1)

    def weights(self, x: Features, query: tuple[int, int]) -> Tensor:
        """How much the position `query` = (row, column) reads of each: (B, 1, H, W), summing to 1.

        The mean of the experts' maps in their shares.
        """
        maps = [expert.weights(x, query).mean(1, keepdim=True) for expert in self._experts()]
        shares = self.shares(x)[:, :, None, None, None]
        return (shares * torch.stack(maps, dim=1)).sum(1)

    def _experts(self) -> list[Expert]:
        return [cast(Expert, expert) for expert in self.experts.values()]


def _expert(name: str, channels: int, heads: int) -> Expert:
    """An attention whose own gate is open: the mixture's is the one that starts at 0."""
    expert = MultiHeadAttention2d(channels, heads=heads) if name == "multi_head" else EXPERTS[name](channels)
    nn.init.ones_(expert.gamma)
    return expert

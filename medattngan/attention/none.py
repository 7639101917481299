"""No attention: the block that an ablation compares with.

    x + gamma · W_2 silu(W_1 x)

As many parameters as an attention, in the same gated residual block, but every position sees itself alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.core.types import Features


class NoAttention2d(nn.Module):
    """Work on every position by itself, with the parameters that an attention would have.

    The gate `gamma` starts at 0, so a new module is the identity.

    Args:
        channels: width of the input (B, channels, H, W); the output has the same shape.
        parameters: how many to come as near to as two 1×1 convolutions can (to within `channels`).
            Without it, as many as `ScaledDotAttention2d(channels)`, 5/4 · channels².

    >>> sum(p.numel() for p in NoAttention2d(64).parameters())
    5121
    """

    def __init__(self, channels: int, *, parameters: int | None = None) -> None:
        super().__init__()
        wanted = channels * channels * 5 / 4 if parameters is None else parameters - 1
        hidden = max(1, round(wanted / (2 * channels)))
        self.hidden = nn.Conv2d(channels, hidden, 1, bias=False)
        self.output = nn.Conv2d(hidden, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Features) -> Features:
        return x + self.gamma * self.read(x)

    def read(self, x: Features) -> Features:
        """What the block adds, before the gate: the shape of x."""
        out: Features = self.output(F.silu(self.hidden(x)))
        return out

    def weights(self, x: Features, query: tuple[int, int]) -> Tensor:
        """There are none.

        Raises:
            ValueError: always.
        """
        raise ValueError("attention.kind none has no attention map: every position sees itself alone")

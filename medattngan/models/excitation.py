"""Skip-layer excitation: coarse maps say how much each channel of fine maps counts.

    y = x_high · 2 σ(W_2 lrelu(W_1 pool₄(x_low)))       W_1: 4×4, W_2: 1×1 convolutions

Liu et al. 2021 (FastGAN), arXiv:2101.04775, Eq. 1, between maps of which one is 16 times as high as the other. Twice
the sigmoid, with W_2 at zero to begin with, is 1: a generator with it starts as one without.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from medattngan.core.types import Features

APART = 16
"""How many times as high the fine maps are."""


class Excitation(nn.Module):
    """Scale the channels of fine maps: (B, low, h, w) and (B, high, H, W) → (B, high, H, W).

    >>> fine = torch.randn(2, 6, 64, 64)
    >>> torch.equal(Excitation(8, 6)(torch.randn(2, 8, 4, 4), fine), fine)
    True
    """

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(low, high, 4)
        self.second = nn.Conv2d(high, high, 1)
        nn.init.kaiming_normal_(self.first.weight, 0.2)
        nn.init.zeros_(self.first.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, low: Features, high: Features) -> Features:
        seen = F.leaky_relu(self.first(F.adaptive_avg_pool2d(low, 4)), 0.2)
        return high * (2 * torch.sigmoid(self.second(seen)))

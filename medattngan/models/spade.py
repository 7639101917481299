"""Spatially adaptive denormalisation. Park et al. 2019 (SPADE), arXiv:1903.07291, Eq. 1 and figure 3.

    y = (1 + γ(m)) ⊙ x + β(m)        γ, β = W_2 relu(W_1 m + b_1) + b_2, convolutions of the mask m

In the paper x comes out of a batch normalisation without parameters. Here it comes out of a convolution whose outputs
are demodulated to unit variance, which is what StyleGAN2 has in place of one (Karras et al. 2020, arXiv:1912.04958,
section 2.2): batches of 8 have no statistics to speak of. The paper shrinks masks by nearest neighbours; here each
pixel of a coarse map is told the share of every class below it, so that small structures are not skipped.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medattngan.core.types import Features

HIDDEN = 32
SPREAD = 0.3
"""Standard deviation of γ and β at first, about: enough to be seen by what follows."""


class Spade(nn.Module):
    """Scale and shift every position by the mask around it: (B, C, H, W) and (B, classes, H', W') → (B, C, H, W).

    >>> Spade(8, 3)(torch.zeros(2, 8, 4, 4), torch.ones(2, 3, 16, 16)).shape
    torch.Size([2, 8, 4, 4])
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(classes, HIDDEN, 3, padding=1)
        self.output = nn.Conv2d(HIDDEN, 2 * channels, 3, padding=1)
        # One class a position: its column of the kernel is all that is read, so the classes do not share variance.
        nn.init.normal_(self.hidden.weight, 0.0, (2 / 9) ** 0.5)
        nn.init.normal_(self.output.weight, 0.0, SPREAD / (9 * HIDDEN) ** 0.5)
        for layer in (self.hidden, self.output):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Features, mask: Tensor) -> Features:
        shares = F.adaptive_avg_pool2d(mask, (x.shape[2], x.shape[3])) if mask.shape[2:] != x.shape[2:] else mask
        shares = shares.contiguous(memory_format=torch.channels_last)
        scale, shift = self.output(F.relu(self.hidden(shares))).chunk(2, 1)
        return torch.as_tensor((1 + scale) * x + shift)

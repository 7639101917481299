"""How a network is told continuous values.

A value v in [-1, 1] becomes cosine waves of u = (v + 1) / 2, which a small network mixes:

    e(v) = W_2 lrelu(W_1 [√3 v, √2 cos πu, √2 cos 2πu, …, √2 cos Kπu] + b_1) + b_2

A network fed with the number alone learns what varies fast with it late: Tancik et al. 2020 (Fourier features),
arXiv:2006.10739. Few and slow waves keep near values alike, so that each value learns from its neighbours' images,
which a continuous condition must, as most values are seen once: Ding et al. 2021 (CcGAN), arXiv:2011.07466, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medattngan.conditions.condition import Conditions

WAVES = 8
HIDDEN = 128


def waves(values: Tensor) -> Tensor:
    """The number and its cosine waves, each of unit variance over the range: (B, n) → (B, n · (WAVES + 1)).

    >>> waves(torch.tensor([[-1.0]]))[0, :3]
    tensor([-1.7321,  1.4142,  1.4142])
    """
    rates = values.float().new_ones(WAVES).cumsum(0) * math.pi  # 1 … WAVES, where the values are, also in a trace
    cosines = torch.cos((values.float().unsqueeze(2) + 1) / 2 * rates) * math.sqrt(2)
    return torch.cat([values.unsqueeze(2) * math.sqrt(3), cosines], 2).flatten(1)


class ValueEmbedding(nn.Module):
    """A vector for the values of several conditions: (B,) in [-1, 1] each → (B, width), at first of unit variance.

    Args:
        names: of the conditions, in the order in which they are read.
    """

    def __init__(self, names: Sequence[str], width: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.hidden = nn.Linear(len(names) * (WAVES + 1), HIDDEN)
        self.output = nn.Linear(HIDDEN, width)
        nn.init.kaiming_normal_(self.hidden.weight, 0.2)
        nn.init.normal_(self.output.weight, 0.0, 1 / math.sqrt(HIDDEN))
        nn.init.zeros_(self.hidden.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self, conditions: Conditions) -> Tensor:
        values = torch.stack([conditions[name] for name in self.names], 1)
        hidden = nn.functional.leaky_relu(self.hidden(waves(values)), 0.2)
        return torch.as_tensor(self.output(hidden))

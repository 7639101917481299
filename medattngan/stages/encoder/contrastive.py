"""The normalised temperature-scaled cross entropy (NT-Xent). Chen et al. 2020, arXiv:2002.05709, Eq. 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 0.1


def nt_xent(first: Tensor, second: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Mean over all 2 B views of -log of the softmax share of their partner among the 2 B - 1 other views: a scalar.

    Args:
        first, second: (B, dim) of length 1; row i of both are views of one slice.

    With B = 1 there is no other view, and the loss is 0:

    >>> nt_xent(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])).item()
    0.0
    """
    both = torch.cat([first, second])
    similarity = both @ both.T / temperature
    similarity.fill_diagonal_(float("-inf"))
    partner = torch.arange(len(both)).roll(len(first))
    return F.cross_entropy(similarity, partner)

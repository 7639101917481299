"""Codes drawn from what an encoder says of a slice."""

from __future__ import annotations

from torch import Tensor


def reparameterised(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """μ + σ ε, all of one shape. Kingma & Welling 2014, arXiv:1312.6114, section 2.4.

    >>> import torch
    >>> reparameterised(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([2.0]))
    tensor([3.])
    """
    return mean + (log_variance / 2).exp() * noise

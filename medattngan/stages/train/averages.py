"""Averaged weights: twins that follow the networks. Karras et al. 2018, arXiv:1710.10196, section 3."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def share_taken(images: int, batch: int, half_life_kimg: float, rampup: float) -> float:
    """The share of the live weights that a twin takes over after a batch.

    The half-life is `half_life_kimg`, or `rampup` of the `images` shown so far where that is less.

    >>> share_taken(images=1_000_000, batch=5000, half_life_kimg=5.0, rampup=0.1)
    0.5
    """
    half_life = max(min(half_life_kimg * 1000, images * rampup), 1e-8)
    return float(1 - 0.5 ** (batch / half_life))


@torch.no_grad()
def follow(twin: nn.Module, live: nn.Module, share: float | Tensor) -> None:
    """Move the averaged weights towards the live ones by this share of the way; buffers are copied.

    Args:
        share: a number of the host, or one that lies on the device, where a recorded round finds it.
    """
    averaged: list[Tensor] = list(twin.parameters())
    weights: list[Tensor] = list(live.parameters())
    if isinstance(share, Tensor):  # `_foreach_lerp_` takes one only as an operation for every tensor
        ways = list(torch._foreach_sub(weights, averaged))
        torch._foreach_mul_(ways, share)
        torch._foreach_add_(averaged, ways)
    else:
        torch._foreach_lerp_(averaged, weights, share)
    for mean, buffer in zip(twin.buffers(), live.buffers(), strict=True):
        mean.copy_(buffer)

"""Ways through what a generator can make: from one latent to another, along a condition, from label to label."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 9


def slerp(first: Tensor, second: Tensor, steps: int = STEPS) -> Tensor:
    """Latents (z_dim,) along the great circle between two: (steps, z_dim), ends included.

    A straight line would pass too near to the origin, where a normal latent in many dimensions never lies.
    White 2016, arXiv:1609.04468, section 2.1.

    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)[1]
    tensor([0.7071, 0.7071])
    """
    cosine = torch.dot(first, second) / (first.norm() * second.norm()).clamp(min=1e-12)
    angle = torch.arccos(cosine.clamp(-1, 1))
    share = torch.linspace(0, 1, steps)[:, None]
    if float(angle.sin()) < 1e-4:  # one direction, or opposite ones: the straight line
        return torch.lerp(first.expand(steps, -1), second.expand(steps, -1), share)
    return (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * second) / torch.sin(angle)

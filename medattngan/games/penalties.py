"""Gradient penalties on the discriminator, each a pure function per sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from medattngan.core.types import Images, Logits


def squared_gradient(logits: Logits, images: Images) -> Tensor:
    """|∂ logits / ∂ images|² of each image, (B,). R1 at real images, R2 at synthetic ones.

    Mescheder et al. 2018, arXiv:1801.04406, Eq. 9 and 10. `images` must require a gradient and
    `logits` come from them; γ/2 is the caller's.

    >>> x = torch.ones(2, 1, 3, 3, requires_grad=True)
    >>> squared_gradient((2 * x).sum(dim=(1, 2, 3)), x).detach()  # a linear discriminator: its squared weight
    tensor([36., 36.])
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def unit_gradient_penalty(discriminator: Callable[[Images], Logits], real: Images, fake: Images, mix: Tensor) -> Tensor:
    """(|∂ D / ∂ x| - 1)² at x between `real` and `fake`, (B,). Gulrajani et al. 2017, arXiv:1704.00028, Eq. 3.

    Args:
        discriminator: images (B, 1, H, W) → logits (B,).
        mix: (B, 1, 1, 1) in [0, 1], where between the two; 1 is real.
    """
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_(True)
    # The norm has no derivative at a gradient of exactly zero; the floor keeps it finite there.
    norm = (squared_gradient(discriminator(between), between) + 1e-12).sqrt()
    return (norm - 1).square()

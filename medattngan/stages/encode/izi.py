"""An encoder for a generator that is trained already: izi_f of f-AnoGAN.

    L(E) = |x - G(E(x))|² / n + κ |f(x) - f(G(E(x)))|² / n_f

over real slices x of n pixels, with f a layer of the discriminator, and G and f fixed. Schlegl et al. 2019, Medical
Image Analysis 54:30-44, Eq. 4, κ = 1 as there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from medattngan.conditions.condition import Conditions
from medattngan.core.progress import Advance, uncounted
from medattngan.core.types import Images
from medattngan.models.features import discriminator_maps

KAPPA = 1.0
BATCH = 32
LR = 1e-3
Residuals = Callable[[Images, Images, Conditions], tuple[Tensor, Tensor]]


def residuals(discriminator: nn.Module | None) -> Residuals:
    """A function of slices, their reconstructions and what is told of them: the two errors of each slice, (B,) twice.

    Without a discriminator the second is 0.
    """

    def both(images: Images, made: Images, told: Conditions) -> tuple[Tensor, Tensor]:
        pixels = (images - made).square().mean((1, 2, 3))
        if discriminator is None:
            return pixels, torch.zeros_like(pixels)
        with torch.no_grad():
            wanted = discriminator_maps(discriminator, images, told)
        found = discriminator_maps(discriminator, made, told)
        return pixels, (wanted - found).square().mean((1, 2, 3))

    return both


def step_count(slices: int, kimg: float) -> int:
    """How many steps show so many thousands of slices."""
    return max(1, math.ceil(kimg * 1000 / min(BATCH, slices)))


def fit(
    encoder: nn.Module,
    generator: nn.Module,
    errors: Residuals,
    images: Images,
    told: Conditions,
    kimg: float,
    seed: int,
    advance: Advance = uncounted,
) -> list[float]:
    """Train `encoder` in place on `images` (N, 1, H, W); the loss of every step. Nothing else moves.

    Args:
        told: of each slice, (N, …) each.
    """
    batch, steps = min(BATCH, len(images)), step_count(len(images), kimg)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR)
    encoder.train()
    losses, order = [], np.empty(0, np.intp)
    for step in range(steps):
        if len(order) < batch:
            order = np.concatenate([order, np.random.default_rng([seed, 31, step]).permutation(len(images))])
        rows, order = torch.from_numpy(order[:batch]), order[batch:]
        for group in optimizer.param_groups:
            group["lr"] = LR * (1 + math.cos(math.pi * step / steps)) / 2
        real, known = images[rows].float(), {name: one[rows] for name, one in told.items()}
        pixels, features = errors(real, generator(encoder(real, known)[:, 0], known), known)
        loss = (pixels + KAPPA * features).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # missing from torch's stubs
        optimizer.step()
        losses.append(float(loss.detach()))
        advance(1)
    encoder.eval().requires_grad_(False)
    return losses

"""Copies planted on purpose, to see whether the audit finds them: the positive control of every report."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.types import Images

SHIFT_PX = 3
NOISE = 0.04
"""Standard deviation in the units of [-1, 1]: 2 % of the range."""


def _exact(images: Images, generator: torch.Generator) -> Images:
    return images


def _noise(images: Images, generator: torch.Generator) -> Images:
    return (images + NOISE * torch.randn(images.shape, generator=generator)).clamp(-1, 1)


def _shifted(images: Images, generator: torch.Generator) -> Images:
    """By 3 px in one of eight directions; what comes in is background."""
    size = images.shape[-1]
    padded = F.pad(images, (SHIFT_PX,) * 4, value=-1.0)
    eight = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    chosen = torch.randint(len(eight), (len(images),), generator=generator).tolist()
    moved = [
        padded[i, :, eight[k][0] * SHIFT_PX :, eight[k][1] * SHIFT_PX :][:, :size, :size] for i, k in enumerate(chosen)
    ]
    return torch.stack(moved)


def _flipped(images: Images, generator: torch.Generator) -> Images:
    """Left and right, or up and down."""
    return torch.where(_coin(images, generator), images.flip(-1), images.flip(-2))


def _contrast(images: Images, generator: torch.Generator) -> Images:
    """Half of them with gain 0.75 or 1.25 about their mean, the others with gamma 0.7 or 1.4."""
    mean = images.mean((1, 2, 3), keepdim=True)
    stronger = _coin(images, generator)
    gained = mean + (images - mean) * torch.where(stronger, 1.25, 0.75)
    bent = ((images + 1) / 2).clamp(0, 1) ** torch.where(stronger, 1.4, 0.7) * 2 - 1
    return torch.where(_coin(images, generator), gained, bent).clamp(-1, 1)


def _coin(images: Images, generator: torch.Generator) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5


PLANTED: dict[str, tuple[Callable[[Images, torch.Generator], Images], float]] = {
    "exact": (_exact, 0.99),
    "noise": (_noise, 0.95),
    "shifted": (_shifted, 0.95),
    "flipped": (_flipped, 0.95),
    "contrast": (_contrast, 0.95),
}
"""How each kind of copy is made, and the least recall with which an audit is worth believing."""


def plant(kind: str, images: Images, seed: int) -> Images:
    """Copies of `images` (B, 1, H, W) in [-1, 1], changed as `kind` says; same shape and range."""
    make, _ = PLANTED[kind]
    return make(images.float(), torch.Generator().manual_seed(seed))

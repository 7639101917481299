"""Generators whose latent first becomes a style: what can be done in the space of styles.

Karras et al. 2019 (StyleGAN), arXiv:1812.04948, sections 3.1 (mixing) and B (truncation about the mean style).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from medattngan.conditions.condition import Conditions
from medattngan.core.types import Images, Latent

MEAN_OF = 512
"""Latents whose styles the mean is taken of; their deviation from it is then a twentieth of a style's."""


@runtime_checkable
class Styled(Protocol):
    """A generator in two halves: latent to style, and one style a resolution to an image.

    Args:
        resolutions: of the maps that a style of their own can shape, from the coarsest on.
        z_dim: width of the latent.
    """

    resolutions: tuple[int, ...]
    z_dim: int

    def style(self, z: Latent, conditions: Conditions) -> Tensor:
        """The styles of latents: (B, z_dim) → (B, width)."""
        ...

    def draw(self, styles: Sequence[Tensor], conditions: Conditions) -> Images:
        """Images of one style a resolution, (B, width) each, told what else there is: (B, 1, H, W) in [-1, 1]."""
        ...


def truncated(generator: Styled, z: Latent, conditions: Conditions, truncation: float) -> Tensor:
    """Styles drawn towards their mean: (B, width). 1 leaves them; towards 0 slices are more typical and less varied."""
    styles = generator.style(z, conditions)
    return styles if truncation == 1 else mean_style(generator, conditions, len(z)).lerp(styles, truncation)


def mean_style(generator: Styled, conditions: Conditions, count: int) -> Tensor:
    """The mean style under the conditions of each slice: (count, width). Always of the same latents."""
    z = torch.randn(MEAN_OF, generator.z_dim, generator=torch.Generator().manual_seed(0))
    if not conditions:
        return generator.style(z, conditions).mean(0, keepdim=True).expand(count, -1)
    rows = []
    for row in range(count):
        told = {name: one[row : row + 1].expand(MEAN_OF, *one.shape[1:]) for name, one in conditions.items()}
        rows.append(generator.style(z, told).mean(0))
    return torch.stack(rows)

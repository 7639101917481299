"""Decoders that have a discriminator draw a slice again, whole and a quarter of it.

    L = E |G₁(f₁ cut) - x cut| + E |G₂(f₂) - x|         f₁: maps of 16 px, f₂: of 8 px; cut: one of the four quarters

Liu et al. 2021 (FastGAN), arXiv:2101.04775, section 3.2 and Eq. 4, on real slices alone: a discriminator that has to
describe all of a slice cannot look at a few places only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medattngan.core.types import Features, Images
from medattngan.games.rebuild import quarter

WIDTH = 16
QUARTER = 8
"""Height of the maps that a decoder is given."""


class Decoder(nn.Module):
    """(B, channels, 8, 8) → (B, 1, side, side) in [-1, 1]; `side` is a power of two above 8.

    >>> Decoder(12, 32)(torch.zeros(2, 12, 8, 8)).shape
    torch.Size([2, 1, 32, 32])
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range((side // QUARTER).bit_length() - 1):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, WIDTH, 3, padding=1), nn.LeakyReLU(0.2)]
            channels = WIDTH
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1), nn.Tanh())

    def forward(self, x: Features) -> Images:
        return torch.as_tensor(self.layers(x))


class Rebuild(nn.Module):
    """Both decoders: maps of 16 px, of 8 px and corners (B,) → (B, 2, size / 2, size / 2), the quarter and the whole.

    Args:
        fine, coarse: channels of the maps of 16 and of 8 px.
        size: of the images, 32 px or more.
    """

    def __init__(self, fine: int, coarse: int, size: int) -> None:
        super().__init__()
        self.part, self.whole = Decoder(fine, size // 2), Decoder(coarse, size // 2)

    def forward(self, fine: Features, coarse: Features, corner: Tensor) -> Images:
        return torch.cat([self.part(quarter(fine, corner)), self.whole(coarse)], 1)

"""What a discriminator is to draw again of real slices: a quarter of each, and the whole at half its side.

Liu et al. 2021 (FastGAN), arXiv:2101.04775, section 3.2 and Eq. 4; `medattngan/models/rebuild.py` has the decoders.
There a learned perceptual distance is taken, whose weights come from photographs; here the absolute difference.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.types import Features, Images

CORNER = "corner"
"""Among what a discriminator is told: which quarter of each slice to draw again, (B,) from 0 to 3."""


def quarter(x: Features, corner: Tensor) -> Features:
    """One of the four quarters of each map: (B, C, 2h, 2w) and (B,) from 0 to 3, row by row → (B, C, h, w).

    >>> quarter(torch.arange(4.0).view(1, 1, 2, 2), torch.tensor([2]))
    tensor([[[[2.]]]])
    """
    height, width = x.shape[-2] // 2, x.shape[-1] // 2
    parts = x.reshape(x.shape[0], -1, 2, height, 2, width).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    index = corner.long()[:, None, None, None, None].expand(-1, 1, *parts.shape[2:])
    return parts.gather(1, index)[:, 0]


def wanted(images: Images, corner: Tensor) -> Images:
    """(B, 1, H, W) → (B, 2, H / 2, W / 2): the quarter, and the whole."""
    return torch.cat([quarter(images, corner), F.avg_pool2d(images, 2)], 1)


def misdrawn(drawn: Images, images: Images, corner: Tensor) -> Tensor:
    """The mean absolute difference of each slice: (B,)."""
    return (drawn - wanted(images, corner)).abs().mean((1, 2, 3))

"""Slices as regions and as a whole, for the matching with captions.

Xu et al. 2018 (AttnGAN), arXiv:1711.10485, section 3.2 takes regions from Inception's Mixed_6e and the whole from its
last pooling. Here they come from EfficientNet-Lite0, whose weights need no download: its maps at a sixteenth of the
side, and its pooled features. As in the paper that network stays as it is; a 1×1 convolution and a linear layer,
which bring both to the width of words, are trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.core.types import Images
from medattngan.extractors.efficientnet import DIM, EfficientNetLite0

CHANNELS = 112
"""Of the last maps of EfficientNet-Lite0 at a sixteenth of the side."""
LEAST_PX, TRAINED_PX = 128, 224


class MatchingEncoder(nn.Module):
    """(B, 1, H, W) → regions (B, N, width) and slices (B, width).

    Args:
        size: of the slices. They are shown at 128 px, and larger ones at the 224 px that the network was trained at.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size_px = LEAST_PX if size <= LEAST_PX else TRAINED_PX
        # In a tuple, so that it is no part of this module: it is neither trained nor saved.
        self._trunk = (EfficientNetLite0(self.size_px),)
        self.regions = nn.Conv2d(CHANNELS, width, 1, bias=False)
        self.whole = nn.Linear(DIM, width)
        nn.init.uniform_(self.regions.weight, -0.1, 0.1)
        nn.init.uniform_(self.whole.weight, -0.1, 0.1)

    def forward(self, images: Images) -> tuple[Tensor, Tensor]:
        trunk = self._trunk[0].to(images.device)
        if images.shape[-1] != self.size_px:
            images = F.interpolate(images, (self.size_px, self.size_px), mode="bilinear", align_corners=False)
        x = images.expand(-1, 1, -1, -1) * (127.5 / 128) + 0.5 / 128
        middle = x
        for layer in trunk.layers:
            x = layer(x)
            if x.shape[-1] == self.size_px // 16:
                middle = x
        local = self.regions(middle.contiguous()).flatten(2).transpose(1, 2)
        return local, torch.as_tensor(self.whole(x.mean((2, 3))))

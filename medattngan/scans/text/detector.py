"""Where lines of text may be in a grey picture, pixel by pixel: a small fully convolutional network.

An encoder and a decoder with skips (Long et al. 2015, arXiv:1411.4038; Ronneberger et al. 2015, arXiv:1505.04597),
trained on lines that were written into real slices (`scripts/train_screen.py`). It sees the picture and what
stands out of its neighbourhood; the second is what shows letters a tenth of the window brighter than the tissue
behind them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 2
"""Of the map of logits."""

NEIGHBOURHOOD_PX = 15
GAIN = 8.0

WIDTHS = (16, 32, 48)


def inputs(pictures: Tensor) -> Tensor:
    """Pictures (B, 1, H, W) in [0, 1] → (B, 2, H, W) in [-1, 1]: themselves, and their difference from the mean
    around them."""
    half = NEIGHBOURHOOD_PX // 2
    padded = F.pad(pictures, (half,) * 4, mode="replicate")
    around = F.avg_pool2d(F.avg_pool2d(padded, (NEIGHBOURHOOD_PX, 1), stride=1), (1, NEIGHBOURHOOD_PX), stride=1)
    return torch.cat([2 * pictures - 1, ((pictures - around) * GAIN).clamp(-1, 1)], 1)


class Residual(nn.Module):
    """x + two convolutions of 3×3 (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = convolution(width, width, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


def convolution(
    inside: int, outside: int, *, size: int = 3, stride: int | tuple[int, int] = 1, dilation: int = 1
) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    padding = dilation * (size // 2)
    conv = nn.Conv2d(inside, outside, size, stride, padding, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU())


class Detector(nn.Module):
    """Logits of "this is within a line of text".

    >>> Detector().eval()(torch.zeros(1, 1, 64, 48)).shape
    torch.Size([1, 1, 32, 24])
    """

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.fine = nn.Sequential(convolution(2, fine, size=5, stride=2), convolution(fine, fine))
        self.middle = nn.Sequential(convolution(fine, middle, stride=2), Residual(middle), Residual(middle))
        self.coarse = nn.Sequential(convolution(middle, coarse, stride=2), Residual(coarse), Residual(coarse, 2))
        self.from_coarse = nn.Conv2d(coarse, middle, 1)
        self.at_middle = convolution(middle, middle)
        self.from_middle = nn.Conv2d(middle, fine, 1)
        self.logits = nn.Conv2d(fine, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 1] → (B, 1, H/2, W/2). H and W are multiples of 8."""
        fine = self.fine(inputs(pictures))
        middle = self.middle(fine)
        middle = self.at_middle(F.relu(middle + _larger(self.from_coarse(self.coarse(middle)))))
        logits: Tensor = self.logits(F.relu(fine + _larger(self.from_middle(middle))))
        return logits


def _larger(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")

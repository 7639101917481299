"""What is planted in slices to find out what an anomaly score sees: lesions, and changes that are none.

Each takes slices (N, 1, H, W) in [-1, 1] and a source of randomness, and gives as many. A lesion is a soft disc within
the body. The others are controls: a score that rises with them reports how a slice was taken, not what it shows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.types import Images

Change = Callable[[Images, torch.Generator], Images]
BODY = -0.6
"""Darker pixels are taken for background, where there are enough brighter ones."""
EDGE = 0.25
"""Of the radius, over which a lesion fades out."""


def lesion(images: Images, source: torch.Generator, *, radius: float, step: float) -> Images:
    """Add `step` within a disc around a pixel of the body.

    Args:
        radius: as a share of the side.
        step: in the units of pixels, which run from -1 to 1; negative for a dark lesion.
    """
    count, _, height, width = images.shape
    # The middle of the lesion is the likeliest of random numbers among pixels whose surroundings are bright.
    bright = F.avg_pool2d(images, 5, 1, 2, count_include_pad=False)[:, 0]
    drawn = torch.rand(count, height, width, generator=source)
    place = torch.where(bright > BODY, drawn, drawn - 2).flatten(1).argmax(1)
    rows, columns = (place // width).float(), (place % width).float()
    down = torch.arange(height).float()[None, :, None] - rows[:, None, None]
    across = torch.arange(width).float()[None, None, :] - columns[:, None, None]
    size = radius * width
    inside = ((size - (down.square() + across.square()).sqrt()) / (EDGE * size) + 0.5).clamp(0, 1)
    return (images + step * inside[:, None]).clamp(-1, 1)


def blurred(images: Images, source: torch.Generator) -> Images:
    """Less sharp: a Gaussian of half a pixel in 64, and of no less, as a narrower one leaves every pixel to itself."""
    del source
    return gaussian(images, max(0.5, images.shape[-1] / 128))


def sharpened(images: Images, source: torch.Generator) -> Images:
    """Sharper: what that blur takes away, added half as much again."""
    return (images + 0.5 * (images - blurred(images, source))).clamp(-1, 1)


def noisy(images: Images, source: torch.Generator) -> Images:
    """Normal noise of 1.5 % of the range, everywhere."""
    return (images + 0.03 * torch.randn(images.shape, generator=source)).clamp(-1, 1)


def gaussian(images: Images, sigma: float) -> Images:
    """A Gaussian of `sigma` pixels, edges repeated.

    >>> torch.allclose(gaussian(torch.ones(1, 1, 8, 8), 1.0), torch.ones(1, 1, 8, 8))
    True
    """
    reach = max(1, round(3 * sigma))
    line = torch.exp(-(torch.arange(-reach, reach + 1).float() ** 2) / (2 * sigma**2))
    kernel = torch.outer(line, line)[None, None] / line.sum() ** 2
    return F.conv2d(F.pad(images, (reach,) * 4, mode="replicate"), kernel)


LESIONS: dict[str, Change] = {
    "bright": lambda images, source: lesion(images, source, radius=0.06, step=0.8),
    "dark": lambda images, source: lesion(images, source, radius=0.06, step=-0.8),
    "small": lambda images, source: lesion(images, source, radius=0.03, step=0.8),
    "faint": lambda images, source: lesion(images, source, radius=0.06, step=0.3),
}
CONTROLS: dict[str, Change] = {"blurred": blurred, "sharpened": sharpened, "noisy": noisy}


def sharpness(images: Images) -> Tensor:
    """The mean squared Laplacian of each slice, (N,): a score that knows nothing of anatomy."""
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return F.conv2d(images, kernel).square().mean((1, 2, 3))


def noise(images: Images) -> Tensor:
    """The standard deviation of the noise of each slice, (N,), by the median of its finest diagonal wavelet.

    Donoho & Johnstone 1994, Biometrika 81, section 3; of the pixels that are no background at the end of the range.
    """
    a, b = images[..., ::2, ::2], images[..., ::2, 1::2]
    c, d = images[..., 1::2, ::2], images[..., 1::2, 1::2]
    detail = ((a - b - c + d) / 2).abs().flatten(1)
    detail = torch.where((a > -1).flatten(1), detail, torch.nan)
    return detail.nanmedian(1).values.nan_to_num(0.0) / 0.6745

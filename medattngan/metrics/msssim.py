"""Structural similarity at five scales. Wang, Simoncelli & Bovik 2003, Asilomar, Eq. 7.

    MS-SSIM(x, y) = l₅^w₅ · Π cs_i^w_i,    w = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

l and cs are SSIM's two factors, at each scale averaged over its windows; from one scale to the next both images are
halved. Negative factors count as 0, for a power of them is not real.

At the fifth scale an image still has to hold the window of 11 px, so it takes 176 px. With fewer scales the number is
another one, which is why smaller images are refused.

Used for diversity: pairs of synthetic images that are more alike than pairs of real ones mean mode collapse (Odena et
al. 2017, arXiv:1610.09585). It says nothing of how real an image is.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.metrics.ssim import WINDOW_PX, compare_pairs, compare_windows

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LEAST_PX = WINDOW_PX * 2 ** (len(WEIGHTS) - 1)


def ms_ssim(x: Images, y: Images) -> Tensor:
    """MS-SSIM of each image of `x` with the same of `y`: (B, 1, H, W) twice → (B,), in [0, 1].

    Raises:
        UserError: the images are smaller than 176 px.

    >>> image = torch.rand(1, 1, 176, 176)
    >>> round(ms_ssim(image, image).item(), 5)
    1.0
    """
    if min(x.shape[-2:]) < LEAST_PX:
        raise UserError(
            f"MS-SSIM has {len(WEIGHTS)} scales and needs images of {LEAST_PX} px or more; got "
            f"{tuple(x.shape[-2:])}: use SSIM, or larger slices."
        )
    product = torch.ones(len(x), dtype=x.dtype, device=x.device)
    for scale, weight in enumerate(WEIGHTS, 1):
        luminance, structure = compare_windows(x, y)
        factor = luminance * structure if scale == len(WEIGHTS) else structure
        product = product * factor.mean((1, 2, 3)).clamp_min(0).pow(weight)
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return product


def ms_ssim_pairs(real: Images | SliceImages, fake: Images | SliceImages) -> Tensor:
    """MS-SSIM of pairs among `fake` (M, 1, H, W): (M // 2,). `real` is not looked at."""
    return compare_pairs(fake, ms_ssim)

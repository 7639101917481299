"""Random similarity transforms of a batch, in one differentiable resampling.

Karras et al. 2020 (StyleGAN2-ADA), arXiv:2006.06676, appendix B, for one channel. Each transform is applied to each
image with the given probability. What falls outside the image is filled with -1, the background of every store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.types import Images

GEOMETRIC = ("flip", "translate", "scale", "rotate")
TRANSLATE = 0.125
"""Largest shift, as a share of the image (DiffAugment, Zhao et al. 2020, arXiv:2006.10738: 1/8). Shifts are by whole
pixels: by parts of one they would blur what the discriminator is to judge."""
SCALE_LOG2 = 0.2
"""Standard deviation of the log2 of the zoom (ADA)."""
ROTATE = math.pi / 12
"""Largest angle, 15 degrees: patients tilt their heads, they do not stand on them."""


def transform(images: Images, policy: Sequence[str], probability: float, generator: torch.Generator) -> Images:
    """Apply the geometric members of `policy`, each with `probability`, to (B, 1, H, W); same shape.

    >>> x = torch.rand(2, 1, 8, 8) * 2 - 1
    >>> torch.equal(transform(x, ["rotate"], 0.0, torch.Generator()), x)
    True
    """
    return warp(images, draw_matrices(len(images), images.shape[-1], policy, probability, generator))


def warp(images: Images, drawn: Mapping[str, Tensor]) -> Images:
    """Resample (B, 1, H, W) by what `draw_matrices` drew; unchanged where it drew nothing."""
    if "theta" not in drawn:
        return images
    grid = F.affine_grid(drawn["theta"].to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images + 1, grid, mode="bilinear", padding_mode="zeros", align_corners=False) - 1


def draw_matrices(
    count: int, size: int, policy: Sequence[str], probability: float, generator: torch.Generator
) -> dict[str, Tensor]:
    """`theta` (count, 2, 3): a map from output to input coordinates for each image of side `size`; or nothing."""
    if probability <= 0 or not set(policy) & set(GEOMETRIC):
        return {}
    return {"theta": _matrices(count, size, policy, probability, generator)}


def _matrices(count: int, size: int, policy: Sequence[str], probability: float, generator: torch.Generator) -> Tensor:
    """(B, 2, 3) maps from output to input coordinates; on the CPU on every device, so that a seed says all."""
    pixel = 2 / size  # from one edge to the other the coordinates go from -1 to 1

    def chosen(neutral: float, value: Tensor) -> Tensor:
        keep = torch.rand(count, generator=generator) < probability
        return torch.where(keep, value, torch.full_like(value, neutral))

    angle = torch.zeros(count)
    zoom = mirror = torch.ones(count)
    shift = torch.zeros(count, 2)
    if "rotate" in policy:
        angle = chosen(0.0, (torch.rand(count, generator=generator) * 2 - 1) * ROTATE)
    if "scale" in policy:
        zoom = chosen(1.0, torch.exp2(torch.randn(count, generator=generator) * SCALE_LOG2))
    if "flip" in policy:
        mirror = chosen(1.0, torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0))
    if "translate" in policy:
        offset = (torch.rand(2, count, generator=generator) * 2 - 1) * 2 * TRANSLATE
        keep = torch.rand(count, generator=generator) < probability
        shift = torch.where(keep, (offset / pixel).round() * pixel, torch.zeros(())).T
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = torch.stack([torch.stack([cos * mirror, -sin], 1), torch.stack([sin * mirror, cos], 1)], 1)
    return torch.cat([rows, shift.unsqueeze(2)], 2)

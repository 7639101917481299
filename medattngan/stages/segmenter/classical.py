"""Classical augmentation for segmentation as nnU-Net does it, for 2-D. Isensee et al. 2021, Nat. Methods 18, 203-211,
supplementary note 4: what is done, how likely and how far, is taken from there. Images are standardised before.

Rotation, zoom and mirroring move image and mask alike; noise, blur, brightness, contrast, simulated low resolution and
gamma change the image alone.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

ROTATION = 0.2, math.pi
"""Probability, and the largest angle: all of them, as the images are square."""
ZOOM = 0.2, (0.7, 1.4)
MIRROR = 0.5
NOISE = 0.1, (0.0, 0.1)
"""Probability, and the range of the variance."""
BLUR = 0.2, (0.5, 1.0)
BRIGHTNESS = CONTRAST = 0.15, (0.75, 1.25)
LOW_RESOLUTION = 0.25, (0.5, 1.0)
GAMMA = 0.3, (0.7, 1.5)
INVERTED_GAMMA = 0.1, (0.7, 1.5)


def classical(images: Tensor, masks: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Images (B, 1, H, W), of mean 0 and deviation 1, and masks (B, H, W) as augmented; new tensors."""
    images, masks = _moved(images, masks, source)

    def where(chance: tuple[float, tuple[float, float]]) -> tuple[Tensor, Tensor]:
        """For each image whether, and how much."""
        probability, (low, high) = chance
        drawn = torch.rand(2, len(images), 1, 1, 1, generator=source)
        return drawn[0] < probability, low + (high - low) * drawn[1]

    chosen, variance = where(NOISE)
    images = images + chosen * variance.sqrt() * torch.randn(images.shape, generator=source)
    chosen, width = where(BLUR)
    images = torch.where(chosen, _blurred(images, width), images)
    chosen, factor = where(BRIGHTNESS)
    images = torch.where(chosen, images * factor, images)
    chosen, factor = where(CONTRAST)
    mean, low, high = images.mean((2, 3), True), images.amin((2, 3), True), images.amax((2, 3), True)
    images = torch.where(chosen, ((images - mean) * factor + mean).clamp(low, high), images)
    chosen, factor = where(LOW_RESOLUTION)
    for i in torch.nonzero(chosen.flatten()).flatten().tolist():
        images[i : i + 1] = _coarse(images[i : i + 1], float(factor[i]))
    for sign, chance in ((-1, INVERTED_GAMMA), (1, GAMMA)):
        chosen, power = where(chance)
        images = torch.where(chosen, sign * _gamma(sign * images, power), images)
    return images, masks


def _moved(images: Tensor, masks: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turned, zoomed and mirrored; outside is the image's least value, and background."""
    count = len(images)
    drawn = torch.rand(6, count, generator=source)
    angle = torch.where(drawn[0] < ROTATION[0], (drawn[1] * 2 - 1) * ROTATION[1], 0.0)
    low, high = ZOOM[1]
    zoom = torch.where(drawn[2] < ZOOM[0], low + (high - low) * drawn[3], 1.0)
    mirror = torch.where(drawn[4:] < MIRROR, -1.0, 1.0)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = [torch.stack([cos * mirror[0], -sin], 1), torch.stack([sin * mirror[0], cos], 1)]
    theta = F.pad(torch.stack(rows, 1), (0, 1)) * torch.stack([torch.ones(count), mirror[1]], 1)[:, :, None]
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    least = images.amin((2, 3), True)
    turned = F.grid_sample(images - least, grid, align_corners=False) + least
    labels = F.grid_sample(masks[:, None].float(), grid, mode="nearest", align_corners=False)
    return turned, labels[:, 0].to(masks.dtype)


def _blurred(images: Tensor, width: Tensor) -> Tensor:
    """Each by a Gaussian of its own width, px: (B, 1, H, W), (B, 1, 1, 1)."""
    at = torch.arange(-2, 3.0)
    kernel = torch.exp(-0.5 * (at / width.flatten()[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    stack, count = images.transpose(0, 1), len(images)
    for shape in ((count, 1, 5, 1), (count, 1, 1, 5)):
        pad = (0, 0, 2, 2) if shape[2] == 5 else (2, 2, 0, 0)
        stack = F.conv2d(F.pad(stack, pad, mode="replicate"), kernel.reshape(shape), groups=count)
    return stack.transpose(0, 1)


def _coarse(image: Tensor, factor: float) -> Tensor:
    """Down by nearest neighbours and up again by cubic interpolation."""
    size = image.shape[-1]
    small = F.interpolate(image, size=max(1, round(size * factor)), mode="nearest")
    return F.interpolate(small, size=(size, size), mode="bicubic", align_corners=False)


def _gamma(images: Tensor, power: Tensor) -> Tensor:
    """Grey values to a power between their ends; mean and deviation stay."""
    low, high = images.amin((2, 3), True), images.amax((2, 3), True)
    curved = ((images - low) / (high - low).clamp_min(1e-7)).pow(power) * (high - low) + low
    mean, deviation = curved.mean((2, 3), True), curved.std((2, 3), keepdim=True).clamp_min(1e-7)
    return (curved - mean) / deviation * images.std((2, 3), keepdim=True) + images.mean((2, 3), True)

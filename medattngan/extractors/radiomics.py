"""Radiomic features of whole slices, and the distance of two sets in them.

FRD, the Fréchet radiomics distance (Konz et al. 2024, arXiv:2412.01496): the Fréchet distance between two sets of
images in radiomic features, each feature brought to mean 0 and deviation 1 of the reference set (Eq. 3). It follows
readers more often than distances in networks trained on photographs do, and it needs no weights.

What is measured, in 2D on the whole slice: first-order statistics, and the co-occurrence, run-length and
tone-difference textures of `texture`, on nine pictures of a slice: itself, four Laplacians of Gaussians and four bands
of an undecimated coiflet transform. This is close to the published feature set and not the same: that one is computed
by pyradiomics with size-zone features as well, bins of fixed width, and pixels resampled to 2 mm. So the numbers bear
the name `radiomics-2d` and cannot be compared with published ones. Published ones are also logarithms; this is the
distance itself, squared as `fd` is, so that it has a ratio to its floor.

As in the paper each slice is first brought to mean 0 and deviation 1: brightness and contrast are not seen.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

import torch
from torch import Tensor, nn

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.extractors.texture import EPS, LEVELS, cooccurrence_features, run_features, shares, tone_features

NAME = "radiomics-2d"
LEAST_PX = 16
SIGMAS_PX = (1.0, 1.5, 2.0, 2.5)
"""Of the Laplacians: 2 to 5 mm at the paper's 2 mm a pixel."""
COIFLET = (-0.0156557281, -0.0727326195, 0.3848648469, 0.8525720202, 0.3378976625, -0.0727326195)
"""coif1, Daubechies 1992, Ten Lectures on Wavelets, table 8.1."""
BIN_DEVIATIONS = 0.25
"""Width of a grey level; LEVELS of them reach four deviations to either side."""
FIRST_ORDER, TEXTURE = 16, 22 + 16 + 5
PICTURES = 1 + len(SIGMAS_PX) + 4
DIM = PICTURES * (FIRST_ORDER + TEXTURE)
DIGEST = hashlib.sha256(f"{NAME} 1 {SIGMAS_PX} {BIN_DEVIATIONS} {LEVELS} {DIM}".encode()).hexdigest()
"""Names the definitions above, as a weights file is named by its digest: raise the number with any change."""


class Radiomics(nn.Module):
    """(B, 1, H, W) → (B, DIM) float32 features of the slices at the size they have.

    Raises:
        UserError: the slices are smaller than 16 px.

    >>> Radiomics()(torch.rand(2, 1, 16, 16)).shape
    torch.Size([2, 531])
    """

    def forward(self, images: Images) -> Tensor:
        if min(images.shape[-2:]) < LEAST_PX:
            raise UserError(
                f"radiomic features need slices of {LEAST_PX} px or more; got {tuple(images.shape[-2:])}: "
                "use larger slices."
            )
        flat = pictures(_standardise(images[:, 0].float().cpu())).flatten(0, 1)
        levels = (_standardise(flat) / BIN_DEVIATIONS).floor().long() + LEVELS // 2
        levels = levels.clamp(0, LEVELS - 1)
        parts = [first_order(flat.flatten(1).double(), levels.flatten(1))]
        parts += [measure(levels) for measure in (cooccurrence_features, run_features, tone_features)]
        return torch.cat(parts, 1).view(len(images), DIM).float()


def pictures(slices: Tensor) -> Tensor:
    """The slices (B, H, W), their Laplacians of Gaussians, and their four wavelet bands: (B, PICTURES, H, W).

    All filters are separable, and on a CPU a product with a banded matrix is much faster than a convolution of one
    channel.
    """
    down, across = _operators(slices.shape[-2]), _operators(slices.shape[-1])
    found = [slices]
    for sigma in SIGMAS_PX:
        mean, curve = f"mean {sigma}", f"curve {sigma}"
        found.append(down[curve] @ slices @ across[mean].T + down[mean] @ slices @ across[curve].T)
    found += [down[a] @ slices @ across[b].T for a in ("low", "high") for b in ("low", "high")]
    return torch.stack(found, 1)


@lru_cache(maxsize=8)
def _operators(size: int) -> dict[str, Tensor]:
    """The filters along one axis as matrices (size, size) that reflect at the edges."""
    low = torch.tensor(COIFLET, dtype=torch.float64)
    found = {
        "low": _operator(low, 2, size),
        "high": _operator(low.flip(0) * torch.tensor([-1.0, 1.0]).repeat(3), 2, size),
    }
    for sigma in SIGMAS_PX:
        reach = math.ceil(4 * sigma)
        squares = (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma).square()
        mean = torch.softmax(-squares / 2, 0)
        curve = (squares - 1) * mean  # the second derivative, times sigma squared so that all scales weigh alike
        found[f"mean {sigma}"] = _operator(mean, reach, size)
        found[f"curve {sigma}"] = _operator(curve - curve.mean(), reach, size)
    return found


def _operator(weights: Tensor, before: int, size: int) -> Tensor:
    """Row i weighs the places from i − `before` on."""
    matrix = torch.zeros(size, size, dtype=torch.float64)
    rows = torch.arange(size)
    for offset, weight in enumerate(weights, -before):
        places = (rows + offset).abs()
        places = torch.where(places < size, places, 2 * (size - 1) - places)
        matrix.index_put_((rows, places), weight.expand(size), accumulate=True)
    return matrix.float()


def first_order(values: Tensor, levels: Tensor) -> Tensor:
    """Statistics of the values (B, P) whatever their places: (B, 16). `levels` (B, P) serve entropy and uniformity."""
    mean, low, high = values.mean(1), values.amin(1), values.amax(1)
    centred = values - mean[:, None]
    variance = centred.square().mean(1)
    at = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], dtype=values.dtype)
    p10, p25, median, p75, p90 = values.quantile(at, dim=1)
    inside = ((values >= p10[:, None]) & (values <= p90[:, None])).double()
    count = inside.sum(1).clamp_min(1)
    robust = ((values - ((values * inside).sum(1) / count)[:, None]).abs() * inside).sum(1) / count
    p = shares(levels)
    deviation = variance.sqrt().clamp_min(EPS)
    features = [
        low, p10, p90, high, mean, median, p75 - p25, high - low,
        centred.abs().mean(1), robust, values.square().mean(1).sqrt(),
        centred.pow(3).mean(1) / deviation.pow(3), centred.pow(4).mean(1) / deviation.pow(4), variance,
        -(p * (p + EPS).log2()).sum(1), p.square().sum(1),
    ]  # fmt: skip
    return torch.stack(features, 1)


def _standardise(images: Tensor) -> Tensor:
    """To mean 0 and deviation 1 each, flat ones to 0."""
    deviation, mean = torch.std_mean(images, dim=(-2, -1), keepdim=True, correction=0)
    return torch.where(deviation > 1e-6, (images - mean) / deviation.clamp_min(1e-6), 0.0)

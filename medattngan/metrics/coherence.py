"""Long-range coherence: whether detail on one side of a bilateral organ has its counterpart on the other.

    coherence(x) = max over axes a of  corr(d(p), d(mirror_a(p))),   p inside the organ, off the midline
    d = G(σ = size / 64) * x − G(σ = 3 size / 64) * x

d is what a difference of Gaussians leaves of the slice (Marr & Hildreth 1980, doi:10.1098/rspb.1980.0020): folds and
nuclei, neither noise nor shading. A generator that paints each place by what lies around it makes two halves that suit
different patients; no distance between pooled features notices, as these forget where things lie.

Real slices mark the best value: an organ is not its own mirror image, so more than theirs is wrong as well.

Of organs that are not bilateral, or not cut across the midline, the number says nothing. Chimeras find that out: the
left half of a real slice beside the right half of the other patients' slice that looks most like it. Where they are
nearly as coherent as slices left whole, the metric is not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.metrics.sets import Part, Sides
from medattngan.statistics.bootstrap import Plan

FINE, COARSE = 1 / 64, 3 / 64
"""Deviations of the two Gaussians, as shares of the side: 1 and 3 px of 64."""
REACH = 4 / 64
"""How far from the middle of the image an axis may lie."""
RIM = 6 / 64
"""So much of the organ's rim is left out: an outline has two like halves in whatever is drawn."""
LEAST_GAIN = 0.1
"""By so much whole slices must be more coherent than chimeras for the metric to mean anything."""
CHIMERAS = 512
"""Real slices that the control is made of, at most."""
_LOOK_PX = 16


@dataclass(frozen=True)
class Coherence:
    """What the metric is read from.

    Args:
        judged: (n,) of each slice that is judged.
        real: mean of the reference, left whole.
        chimeras: mean of the control.
    """

    judged: Tensor
    real: float
    chimeras: float


def coherence(images: Images) -> Tensor:
    """Correlation of the detail of each slice with its mirror image: (B, 1, H, W) in [-1, 1] → (B,), in [-1, 1].

    0 for a slice with nothing to judge: no detail, or all rim.

    >>> half = torch.randn(1, 1, 64, 32)
    >>> round(coherence(torch.cat([half, half.flip(3)], 3).tanh()).item(), 4)
    1.0
    """
    width = images.shape[-1]
    detail = _blur(images, FINE * width) - _blur(images, COARSE * width)
    inside = _organ(images)
    column = torch.arange(width, device=images.device)
    best = torch.full((len(images),), -1.0, dtype=images.dtype, device=images.device)
    reach = round(2 * REACH * width)
    for shift in range(-reach, reach + 1):
        mirrored = width - 1 + shift - column
        held = (mirrored >= 0) & (mirrored < width) & ((column - mirrored).abs() > 2 * COARSE * width)
        at, of = column[held], mirrored[held]
        best = torch.maximum(best, _correlation(detail[..., at], detail[..., of], inside[..., at] & inside[..., of]))
    return best


def chimeras(images: Images, others: Images) -> Images:
    """Each slice with its right half from the other patients' slice that looks most like it: the shape of `images`.

    Likeness is correlation at 16 × 16 px, so that the two are of one place in the body.

    Args:
        images: (B, 1, H, W).
        others: (M, 1, H, W), of other patients.
    """
    partner = (_look(images) @ _look(others).T).argmax(1)
    middle = images.shape[-1] // 2
    return torch.cat([images[..., :middle], others[partner][..., middle:]], -1)


def mirrored(sides: Sides, parts: Sequence[Part]) -> Iterator[tuple[tuple[Coherence], tuple[Coherence]]]:
    """Of each part the coherence of the synthetic slices, and of the other patients': each slice is judged once."""
    real, fake, other = (_of_all(side) for side in (sides.reference, sides.fake, sides.other))
    control = coherence(chimeras(sides.reference[:CHIMERAS], sides.other[:CHIMERAS])).mean().item()
    for part in parts:
        whole = real[part.reference].mean().item()
        yield (Coherence(fake[part.fake], whole, control),), (Coherence(other[part.other], whole, control),)


def judged_of(found: Coherence) -> Tensor:
    """The coherence of each slice, where it means something: (n,).

    Raises:
        UserError: real slices are hardly more coherent than halves of two patients.
    """
    if found.real - found.chimeras < LEAST_GAIN:
        raise UserError(
            f"mirror coherence is for bilateral organs cut across the midline: these real slices have "
            f"{found.real:.2f}, and halves of two patients {found.chimeras:.2f}."
        )
    return found.judged


def mean_coherence(judged: Tensor) -> Tensor:
    """Mean of the slices: a scalar."""
    return judged.mean()


def mean_coherence_replicates(judged: Tensor, plan: Plan) -> Tensor:
    """`mean_coherence` of every resampled set: (replicates,)."""
    times = plan.fake[:, : len(judged)].double()
    return times @ judged.double() / times.sum(1).clamp_min(1)


def _of_all(images: Images | SliceImages) -> Tensor:
    return torch.cat([coherence(batch) for batch in SliceImages.of(images).batches()])


def _look(images: Images) -> Tensor:
    small = F.adaptive_avg_pool2d(images, _LOOK_PX).flatten(1)
    return F.normalize(small - small.mean(1, keepdim=True), dim=1)


def _organ(images: Images) -> Tensor:
    """Where the organ is, without its rim: smoothed, brighter than a tenth of the way from darkest to brightest."""
    smooth = _blur(images, COARSE * images.shape[-1])
    dark, bright = smooth.amin((2, 3), keepdim=True), smooth.amax((2, 3), keepdim=True)
    outside = (smooth <= dark + (bright - dark) / 10).to(images.dtype)
    margin = max(1, round(RIM * images.shape[-1]))
    return F.max_pool2d(outside, 2 * margin + 1, stride=1, padding=margin) == 0


def _correlation(x: Tensor, y: Tensor, where: Tensor) -> Tensor:
    """Pearson's correlation of each image over its own places: (B, 1, H, W) thrice → (B,); 0 where nothing varies."""
    count = where.sum((1, 2, 3)).clamp_min(1)

    def centred(values: Tensor) -> Tensor:
        mean = (values * where).sum((1, 2, 3)) / count
        return (values - mean[:, None, None, None]) * where

    x, y = centred(x), centred(y)
    scale = (x.square().sum((1, 2, 3)) * y.square().sum((1, 2, 3))).sqrt()
    return torch.where(scale > 1e-8, (x * y).sum((1, 2, 3)) / scale.clamp_min(1e-8), 0.0)


def _blur(images: Images, sigma: float) -> Images:
    """Gaussian means; beyond the border the nearest pixel counts."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    weights = torch.softmax(-offsets.square() / (2 * sigma**2), 0)
    size = images.shape[-2:]
    rows, columns = (_bands(weights, radius, side) for side in size)
    return rows @ images @ columns.T


def _bands(weights: Tensor, radius: int, size: int) -> Tensor:
    """(size, size): row i holds the window's weights about i, and at the ends what would lie outside."""
    bands = weights.new_zeros(size, size)
    rows = torch.arange(size, device=weights.device)
    for offset, weight in enumerate(weights, -radius):
        bands.index_put_((rows, (rows + offset).clamp(0, size - 1)), weight.expand(size), accumulate=True)
    return bands

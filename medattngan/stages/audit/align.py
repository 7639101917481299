"""How alike two slices are, wherever one was moved, turned, mirrored or brightened.

Slices are normalised locally: less their surroundings' mean, divided by their surroundings' spread,

    u = (x - G x) / sqrt(G (x - G x)² + floor²),     G a Gaussian of a few pixels,

so that brightness, contrast and any smooth change of intensity (a gamma) cancel, and the outline that all patients
share counts no more than the detail that they do not. The similarity is the normalised cross-correlation of the part in
which two such slices overlap (Lewis 1995; over all shifts at once by the Fourier transform, Padfield 2012,
doi:10.1109/TIP.2011.2181402, section II), maximised over shifts, four mirrorings and small rotations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.types import Images

SURROUNDINGS = 3 / 64
"""Standard deviation of the Gaussian, as a share of the side."""
SPREAD_FLOOR = 0.15
"""In the units of [-1, 1]: what varies less than this is noise, and stays small."""
REACH = 1 / 8
"""Largest shift, as a share of the side."""
LEAST_SPREAD = 1e-2
"""Of two slices, whose spreads multiply to about the number of their pixels: less is rounding, of blank ones."""
ANGLES_DEGREES = (0.0, -8.0, -4.0, 4.0, 8.0)
MIRRORINGS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
"""The axes along which each variant is reversed: none, left and right, up and down, both."""


def normalise_locally(images: Images) -> Tensor:
    """(B, 1, S, S) in [-1, 1] → (B, S, S), whatever brightness and contrast they had."""
    images = images.float()
    centred = images - _blur(images)
    spread = (_blur(centred.square()) + SPREAD_FLOOR**2).sqrt()
    return (centred / spread)[:, 0]


def variants(images: Images) -> Tensor:
    """Every mirroring of every rotation, normalised: (B, 1, S, S) → (B, 20, S, S); the first is the slice itself."""
    turned = torch.stack([normalise_locally(_rotate(images.float(), angle)) for angle in ANGLES_DEGREES], 1)
    return torch.cat([turned.flip(axes) if axes else turned for axes in MIRRORINGS], 1)


def _rotate(images: Images, degrees: float) -> Images:
    """About the centre; what comes from outside repeats the border."""
    if degrees == 0:
        return images
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    theta = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]]).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _blur(images: Images) -> Images:
    """Gaussian, separable, borders reflected."""
    sigma = images.shape[-1] * SURROUNDINGS
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).reshape(1, 1, 1, -1)
    images = F.conv2d(F.pad(images, (radius, radius, 0, 0), mode="reflect"), kernel)
    return F.conv2d(F.pad(images, (0, 0, radius, radius), mode="reflect"), kernel.transpose(2, 3))


@dataclass(frozen=True)
class Shifts:
    """All shifts of slices with side `size` by up to `reach` pixels both ways, and what each needs.

    Shift d takes row y of the first slice to row y + d of the second. The two overlap where both have pixels.
    """

    size: int
    reach: int

    @classmethod
    def of(cls, size: int) -> Shifts:
        """The shifts that an audit tries."""
        return cls(size, int(size * REACH))

    @property
    def padded(self) -> int:
        """Side to which slices are padded with zeros, so that no shift wraps around."""
        return self.size + self.reach

    def spectrum(self, images: Tensor, *, second: bool) -> Tensor:
        """(..., S, S) → (..., P, P // 2 + 1) complex. Second slices stand `reach` further on: no shift is negative."""
        if second:
            images = F.pad(images, (self.reach, 0, self.reach, 0))
        found: Tensor = torch.fft.rfft2(images, s=(self.padded, self.padded))
        return found

    def correlate(self, first: Tensor, second: Tensor) -> Tensor:
        """Spectra (..., P, P // 2 + 1) → sums of products at every shift, (..., 2 reach + 1, 2 reach + 1)."""
        count = 2 * self.reach + 1
        sums: Tensor = torch.fft.irfft2(first.conj() * second, s=(self.padded, self.padded))
        return sums[..., :count, :count]

    def overlap_sums(self, images: Tensor, *, second: bool) -> Tensor:
        """Sum of each (..., S, S) over its part of the overlap at every shift: (..., 2 reach + 1, 2 reach + 1)."""
        shift = torch.arange(-self.reach, self.reach + 1) * (1 if second else -1)
        start, stop = shift.clamp(min=0), self.size + shift.clamp(max=0)
        table = F.pad(images.double().cumsum(-1).cumsum(-2), (1, 0, 1, 0))
        rows = table.index_select(-2, stop) - table.index_select(-2, start)
        return (rows.index_select(-1, stop) - rows.index_select(-1, start)).float()

    def overlap_pixels(self) -> Tensor:
        """Pixels of the overlap at every shift, (2 reach + 1, 2 reach + 1)."""
        side = self.size - torch.arange(-self.reach, self.reach + 1).abs().float()
        return side[:, None] * side[None, :]


@dataclass(frozen=True)
class PreparedImages:
    """Slices (..., S, S) with what correlating them needs.

    Args:
        spectrum: (..., P, P // 2 + 1) complex.
        total: (..., D, D), their sum over the overlap at every shift, D = 2 reach + 1.
        spread: (..., D, D), the root of their summed squared deviation from the overlap's mean.
    """

    spectrum: Tensor
    total: Tensor
    spread: Tensor


def prepare(images: Tensor, shifts: Shifts, *, second: bool) -> PreparedImages:
    """Slices (..., S, S), as the first or the second of the pairs to come."""
    total = shifts.overlap_sums(images, second=second)
    squares = shifts.overlap_sums(images.square(), second=second)
    return PreparedImages(
        shifts.spectrum(images, second=second),
        total,
        (squares - total.square() / shifts.overlap_pixels()).clamp(min=0).sqrt(),
    )


def similarity(query: PreparedImages, candidates: PreparedImages, shifts: Shifts) -> Tensor:
    """Largest correlation of each of K candidates with any of V variants of one slice, at any shift: (K,) in [-1, 1].

    Args:
        query: of (V, S, S), prepared as first.
        candidates: of (K, S, S), prepared as second.
    """
    products = shifts.correlate(query.spectrum[None], candidates.spectrum[:, None])
    covariance = products - query.total[None] * candidates.total[:, None] / shifts.overlap_pixels()
    spread = query.spread[None] * candidates.spread[:, None]
    return (covariance / spread.clamp(min=LEAST_SPREAD)).flatten(1).amax(1).clamp(-1, 1)

"""Structural similarity of images. Wang, Bovik, Sheikh & Simoncelli 2004, IEEE TIP 13(4), Eq. 13.

    SSIM(x, y) = (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2))

in 11 × 11 Gaussian windows of σ = 1.5 that lie wholly inside the image, averaged over them; C1 = (0.01 L)²,
C2 = (0.03 L)², L the width of the value range. Intensities count from its lower end, or means about mid-grey cancel.

SSIM compares two *given* images and says nothing of how real one is, so it is used for three things only: what a round
trip or a reconstruction loses (`ssim` itself), how near the synthetic slices come to a real one (`ssim_nearest_real`),
and how alike they are among themselves (`ssim_pairwise`: higher than among real slices means mode collapse).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.metrics.sets import Part, Sides
from medattngan.statistics.bootstrap import Plan

WINDOW_PX, SIGMA_PX = 11, 1.5
LOWEST, UNIT_RANGE = -1.0, 2.0
"""Images lie in [-1, 1]."""
SHORTLIST, SHORTLIST_PX = 8, 16
WHOLE = 2048
"""Images that are kept, and compared all with all, at once."""
_TILE = 1024
_CHUNK = 64  # what lies between two steps still fits a processor's cache


def ssim(x: Images, y: Images) -> Tensor:
    """SSIM of each image of `x` with the same of `y`: (B, 1, H, W) twice → (B,), in [-1, 1].

    Raises:
        UserError: the images are smaller than the window of 11 px.

    >>> image = torch.rand(1, 1, 16, 16)
    >>> ssim(image, image)
    tensor([1.])
    >>> ssim(torch.full_like(image, -0.02), torch.full_like(image, 0.02)).round(decimals=4)  # apart by 2 % of the range
    tensor([0.9992])
    """
    luminance, structure = compare_windows(x, y)
    return (luminance * structure).mean((1, 2, 3))


@dataclass(frozen=True)
class Windows:
    """Images, and what SSIM reads of each one alone, whatever it is compared with.

    Args:
        images: (B, 1, H, W).
        mean: (B, 1, H − 10, W − 10), in every window.
        variance: the same.
    """

    images: Images
    mean: Tensor
    variance: Tensor

    def take(self, rows: Tensor) -> Windows:
        """Some of the images."""
        return Windows(self.images[rows], self.mean[rows], self.variance[rows])


@dataclass(frozen=True)
class LazyWindows:
    """`Windows` of images that are too many to be kept: they are seen again wherever they are compared."""

    images: SliceImages

    def take(self, rows: Tensor) -> Windows:
        """Some of the images."""
        return windows(self.images[rows])


def seen(images: Images | SliceImages) -> Windows | LazyWindows:
    """What SSIM reads of `images`: of up to WHOLE at once, which takes less time, else as it is needed.

    Raises:
        UserError: the images are smaller than the window of 11 px.
    """
    if len(images) <= WHOLE:
        return windows(images[:])
    windows(images[:1])
    return LazyWindows(SliceImages.of(images))


def windows(images: Images) -> Windows:
    """See `Windows`.

    Raises:
        UserError: the images are smaller than the window of 11 px.
    """
    if min(images.shape[-2:]) < WINDOW_PX:
        size = tuple(images.shape[-2:])
        raise UserError(f"SSIM needs images of {WINDOW_PX} px or more; got {size}: use larger slices.")
    parts = torch.split(images, _CHUNK)
    mean = torch.cat([_blur(part) for part in parts])
    return Windows(images, mean, torch.cat([_blur(part.square()) for part in parts]) - mean.square())


def compare_windows(x: Images, y: Images) -> tuple[Tensor, Tensor]:
    """The two factors of SSIM, luminance and contrast-structure, in every window: (B, 1, H − 10, W − 10) each."""
    return compare_seen(windows(x), windows(y))


def compare_seen(x: Windows, y: Windows) -> tuple[Tensor, Tensor]:
    """`compare_windows` of images whose windows are known."""
    covariance = _blur(x.images * y.images) - x.mean * y.mean
    c1, c2 = (0.01 * UNIT_RANGE) ** 2, (0.03 * UNIT_RANGE) ** 2
    bright_x, bright_y = x.mean - LOWEST, y.mean - LOWEST
    luminance = (2 * bright_x * bright_y + c1) / (bright_x.square() + bright_y.square() + c1)
    return luminance, (2 * covariance + c2) / (x.variance + y.variance + c2)


@dataclass(frozen=True)
class Nearest:
    """The shortlist of each synthetic image: which real images, and the SSIM with each.

    Args:
        index: (M, K) int64 into the real images.
        similarity: (M, K).
    """

    index: Tensor
    similarity: Tensor


def likeness(sides: Sides, parts: Sequence[Part]) -> list[tuple[tuple[Nearest, Tensor], tuple[Nearest, Tensor]]]:
    """Of each part, `nearest` and `ssim_pairs` of the synthetic slices, and of the other patients'.

    Parts overlap, and often have the same slice for the nearest: each pair of images is compared once for all of them.

    Raises:
        UserError: the images are smaller than the window of 11 px.
    """
    reference, fake, other = (seen(side) for side in (sides.reference, sides.fake, sides.other))
    of_fake = _likeness(reference, fake, [(part.reference, part.fake) for part in parts])
    of_other = _likeness(reference, other, [(part.reference, part.other) for part in parts])
    return list(zip(of_fake, of_other, strict=True))


def nearest(real: Images, fake: Images) -> Nearest:
    """The SHORTLIST real images most correlated with each synthetic one at low resolution, and their SSIM."""
    ((found, _),) = _likeness(windows(real), windows(fake), [(torch.arange(len(real)), torch.arange(len(fake)))])
    return found


def _likeness(
    real: Windows | LazyWindows, fake: Windows | LazyWindows, parts: Sequence[tuple[Tensor, Tensor]]
) -> list[tuple[Nearest, Tensor]]:
    """`nearest` and `ssim_pairs` of parts, given as rows of both sides."""
    found = _shortlists(_directions(real.images), _directions(fake.images), parts)
    shortlists = [(f[:, None].expand_as(index), r[index]) for index, (r, f) in zip(found, parts, strict=True)]
    similarities = _compare_once(fake, real, shortlists)
    pairs = _compare_once(fake, fake, [(f[: len(f) // 2], f[len(f) // 2 : len(f) // 2 * 2]) for _, f in parts])
    nearests = [Nearest(index, similarity) for index, similarity in zip(found, similarities, strict=True)]
    return list(zip(nearests, pairs, strict=True))


def _shortlists(real: Tensor, fake: Tensor, parts: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """The most correlated rows of `real` for each of `fake`, within each part: (M, K) into the part's own rows."""
    if max(len(real), len(fake)) <= WHOLE:
        correlation = fake @ real.T
        return [correlation[f][:, r].topk(min(SHORTLIST, len(r))).indices for r, f in parts]
    return [
        torch.cat([(fake[some] @ real[r].T).topk(min(SHORTLIST, len(r))).indices for some in torch.split(f, _TILE)])
        for r, f in parts
    ]


def _compare_once(
    x: Windows | LazyWindows, y: Windows | LazyWindows, asked: Sequence[tuple[Tensor, Tensor]]
) -> list[Tensor]:
    """SSIM of rows of `x` with rows of `y`, in the shape they are asked in; the same two rows are compared once."""
    numbers = [rows * len(y.images) + columns for rows, columns in asked]
    all_pairs = torch.cat([number.flatten() for number in numbers])
    pairs, place = map(torch.from_numpy, np.unique(all_pairs.numpy(), return_inverse=True))
    values = [torch.empty(0)]
    for some in torch.split(pairs, _CHUNK):
        luminance, structure = compare_seen(x.take(some // len(y.images)), y.take(some % len(y.images)))
        values.append((luminance * structure).mean((1, 2, 3)))
    parts = torch.split(torch.cat(values)[place], [number.numel() for number in numbers])
    return [part.view(number.shape) for part, number in zip(parts, numbers, strict=True)]


def ssim_nearest_real(found: Nearest) -> Tensor:
    """Mean over the synthetic images of the SSIM with the nearest real one: a scalar.

    The nearest is sought among the SHORTLIST real images of highest correlation at 16 × 16 px, which costs
    one matrix product instead of N·M comparisons; so it is a lower bound of the exact maximum, and close to
    it.

    Read it beside its floor, the same of held-out real slices: far below it, the slices look like no
    patient's; above it, they look more like these patients than other patients do. Copying is `audit`'s
    question.
    """
    return found.similarity.amax(1).mean()


def ssim_nearest_real_replicates(found: Nearest, plan: Plan) -> Tensor:
    """`ssim_nearest_real` of every resampled pair of sets: (replicates,).

    The nearest is sought among those of the shortlist that the replicate drew; where it drew none, the least
    of the shortlist stands in.
    """
    out = []
    for times_real, times_fake in zip(plan.real, plan.fake, strict=True):
        drawn = times_real[found.index] > 0
        best = torch.where(drawn, found.similarity, found.similarity.amin(1, keepdim=True)).amax(1)
        out.append((best.double() * times_fake).sum() / times_fake.sum())
    return torch.stack(out)


def ssim_pairs(real: Images | SliceImages, fake: Images | SliceImages) -> Tensor:
    """SSIM of pairs among `fake` (M, 1, H, W): (M // 2,). `real` is not looked at.

    Each image stands in one pair (the first half against the second), so the pairs are independent; give the
    images in random order.
    """
    return compare_pairs(fake, ssim)


def compare_pairs(images: Images | SliceImages, compare: Callable[[Images, Images], Tensor]) -> Tensor:
    """`compare` of the first half of `images` (M, 1, H, W) with the second: (M // 2,).

    Raises:
        UserError: fewer than 2 images.
    """
    _require_a_pair(len(images))
    half = len(images) // 2
    chunks = [(start, min(start + _CHUNK, half)) for start in range(0, half, _CHUNK)]
    return torch.cat([compare(images[start:end], images[half + start : half + end]) for start, end in chunks])


def nearest_of(found: Nearest, pairs: Tensor) -> Nearest:
    """What `ssim_nearest_real` is read from, of a `likeness`."""
    return found


def pairs_of(found: Nearest, pairs: Tensor) -> Tensor:
    """What `mean_of_pairs` is read from, of a `likeness`.

    Raises:
        UserError: fewer than 2 images.
    """
    _require_a_pair(len(found.index))
    return pairs


def mean_of_pairs(pairs: Tensor) -> Tensor:
    """Mean similarity of pairs (P,): a scalar. Read it beside its floor, the same among real slices: higher
    means less diverse."""
    return pairs.mean()


def mean_of_pairs_replicates(pairs: Tensor, plan: Plan) -> Tensor:
    """`mean_of_pairs` of every resampled set of pairs: (replicates,)."""
    times = plan.fake[:, : len(pairs)].double()
    return times @ pairs.double() / times.sum(1).clamp_min(1)


def _require_a_pair(images: int) -> None:
    if images < 2:
        raise UserError(f"a comparison of pairs needs at least 2 images; got {images}.")


def _directions(images: Images | SliceImages) -> Tensor:
    """(B, 256) of unit length, whose inner products are correlations; 0 for a flat image."""
    if isinstance(images, SliceImages):
        return torch.cat([_directions(batch) for batch in images.batches()])
    small = F.adaptive_avg_pool2d(images, SHORTLIST_PX).flatten(1)
    return F.normalize(small - small.mean(1, keepdim=True), dim=1)


def _blur(images: Tensor) -> Tensor:
    """Gaussian means of all windows inside the image.

    As two products with banded matrices: on a CPU much faster than convolutions of one channel.
    """
    return _bands(images, images.shape[-2]) @ images @ _bands(images, images.shape[-1]).T


def _bands(like: Tensor, size: int) -> Tensor:
    """(size − 10, size): row i holds the window's weights from column i on; type and device of `like`."""
    offsets = torch.arange(WINDOW_PX, dtype=like.dtype, device=like.device) - WINDOW_PX // 2
    weights = torch.softmax(-offsets.square() / (2 * SIGMA_PX**2), 0)
    bands = like.new_zeros(size - WINDOW_PX + 1, size)
    for offset, weight in enumerate(weights):
        bands.diagonal(offset).fill_(weight)
    return bands

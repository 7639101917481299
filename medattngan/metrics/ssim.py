"""Structural similarity of images. Wang, Bovik, Sheikh & Simoncelli 2004, IEEE TIP 13(4), Eq. 13.

    SSIM(x, y) = (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2))

in 11 × 11 Gaussian windows of σ = 1.5 that lie wholly inside the image, averaged over them; C1 = (0.01 L)²,
C2 = (0.03 L)², L the width of the value range.

SSIM compares two *given* images. It says nothing of how real an image is, so it is used for three things only: what
a round trip or a reconstruction loses (`ssim` itself), how near the synthetic slices come to a real one
(`ssim_nearest_real`), and how alike they are among themselves (`ssim_pairwise`: higher than among real slices means
mode collapse).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from medattngan.files import UserError
from medattngan.metrics.resample import Plan
from medattngan.types import Images

WINDOW_PX, SIGMA_PX = 11, 1.5
UNIT_RANGE = 2.0
"""Images lie in [-1, 1]."""
SHORTLIST, SHORTLIST_PX = 8, 16
_CHUNK = 64  # what lies between two steps still fits a processor's cache


def ssim(x: Images, y: Images, data_range: float = UNIT_RANGE) -> Tensor:
    """SSIM of each image of `x` with the same of `y`: (B, 1, H, W) twice → (B,), in [-1, 1].

    Raises:
        UserError: the images are smaller than the window of 11 px.

    >>> image = torch.rand(1, 1, 16, 16)
    >>> ssim(image, image)
    tensor([1.])
    """
    if min(x.shape[-2:]) < WINDOW_PX:
        raise UserError(f"SSIM needs images of {WINDOW_PX} px or more; got {tuple(x.shape[-2:])}: use larger slices.")
    luminance, structure = compare_windows(x, y, data_range)
    return (luminance * structure).mean((1, 2, 3))


def compare_windows(x: Images, y: Images, data_range: float = UNIT_RANGE) -> tuple[Tensor, Tensor]:
    """The two factors of SSIM, luminance and contrast-structure, in every window: (B, 1, H − 10, W − 10) each."""
    blurred = _blur(torch.cat([x, y, x * x, y * y, x * y])).chunk(5)
    mean_x, mean_y = blurred[0], blurred[1]
    var_x, var_y = blurred[2] - mean_x.square(), blurred[3] - mean_y.square()
    covariance = blurred[4] - mean_x * mean_y
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    return luminance, (2 * covariance + c2) / (var_x + var_y + c2)


@dataclass(frozen=True)
class Nearest:
    """The shortlist of each synthetic image: which real images, and the SSIM with each.

    Args:
        index: (M, K) int64 into the real images.
        similarity: (M, K).
    """

    index: Tensor
    similarity: Tensor


def nearest(real: Images, fake: Images) -> Nearest:
    """The SHORTLIST real images most correlated with each synthetic one at low resolution, and their SSIM."""
    small = _directions(real)
    index = torch.cat(
        [(_directions(part) @ small.T).topk(min(SHORTLIST, len(real))).indices for part in torch.split(fake, _CHUNK)]
    )
    columns = []
    for column in index.T:
        pairs = zip(torch.split(fake, _CHUNK), torch.split(column, _CHUNK), strict=True)
        columns.append(torch.cat([ssim(part, real[chosen]) for part, chosen in pairs]))
    return Nearest(index, torch.stack(columns, 1))


def ssim_nearest_real(found: Nearest) -> Tensor:
    """Mean over the synthetic images of the SSIM with the nearest real one: a scalar.

    The nearest is sought among the SHORTLIST real images of highest correlation at 16 × 16 px, which costs
    one matrix product instead of N·M comparisons; so it is a lower bound of the exact maximum, and close to
    it.

    Read it beside its floor, the same of real slices of other patients: far below it, the slices look like no
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


def ssim_pairs(real: Images, fake: Images) -> Tensor:
    """SSIM of pairs among `fake` (M, 1, H, W): (M // 2,). `real` is not looked at.

    Each image stands in one pair (the first half against the second), so the pairs are independent; give the
    images in random order.
    """
    return compare_pairs(fake, ssim)


def compare_pairs(images: Images, compare: Callable[[Images, Images], Tensor]) -> Tensor:
    """`compare` of the first half of `images` (M, 1, H, W) with the second: (M // 2,).

    Raises:
        UserError: fewer than 2 images.
    """
    half = len(images) // 2
    if half < 1:
        raise UserError(f"a comparison of pairs needs 2 images at the least; got {len(images)}.")
    firsts, seconds = torch.split(images[:half], _CHUNK), torch.split(images[half : 2 * half], _CHUNK)
    return torch.cat([compare(a, b) for a, b in zip(firsts, seconds, strict=True)])


def mean_of_pairs(pairs: Tensor) -> Tensor:
    """Mean similarity of pairs (P,): a scalar. Read it beside its floor, the same among real slices: higher
    means less diverse."""
    return pairs.mean()


def mean_of_pairs_replicates(pairs: Tensor, plan: Plan) -> Tensor:
    """`mean_of_pairs` of every resampled set of pairs: (replicates,)."""
    times = plan.fake[:, : len(pairs)].double()
    return times @ pairs.double() / times.sum(1).clamp_min(1)


def _directions(images: Images) -> Tensor:
    """(B, 256) of unit length, whose inner products are correlations; 0 for a flat image."""
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

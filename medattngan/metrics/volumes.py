"""Whether the slices of a volume are neighbours of each other: what no score of single slices sees.

    likeness(d)    mean SSIM of slices d steps apart (Wang et al. 2004, doi:10.1109/TIP.2003.819861)
    differences    each slice less the one before, halved: images of what changes from slice to slice
    power(f)       mean over pixels of |DFT along the normal|² of a volume, by cycles per volume
    power_gap      mean over f ≥ 1 of |log10 of synthetic over real power|

Real volumes mark the best value of the likeness: slices that are too alike are as wrong as slices that jump, since a
body changes from place to place. Volumes are (N, D, H, W) in [-1, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.metrics.ssim import ssim

AT_ONCE = 256


def neighbour_similarity(volumes: Tensor, steps: int) -> Tensor:
    """Mean SSIM of the slices of each volume with those `steps` further on: (N,).

    Raises:
        UserError: no two slices are so far apart.

    >>> neighbour_similarity(torch.ones(1, 1, 16, 16).expand(2, 4, 16, 16), 1)
    tensor([1., 1.])
    """
    count, depth = volumes.shape[:2]
    if not 1 <= steps < depth:
        raise UserError(f"volumes of {depth} slices have none that are {steps} steps apart.")
    first, second = volumes[:, :-steps].flatten(0, 1).unsqueeze(1), volumes[:, steps:].flatten(0, 1).unsqueeze(1)
    return _compared(first, second).view(count, -1).mean(1)


def similarity_between(volumes: Tensor, others: Tensor) -> Tensor:
    """Mean SSIM of the slices of each volume with those of another volume at the same place: (N,)."""
    first, second = (side.flatten(0, 1).unsqueeze(1) for side in (volumes, others))
    return _compared(first, second).view(len(volumes), -1).mean(1)


def _compared(first: Images, second: Images) -> Tensor:
    parts = zip(torch.split(first, AT_ONCE), torch.split(second, AT_ONCE), strict=True)
    return torch.cat([ssim(x, y) for x, y in parts])


def differences(volumes: Tensor) -> Images:
    """Half of what changes from each slice to the next: (N · (D - 1), 1, H, W) in [-1, 1].

    >>> differences(torch.tensor([[[[-1.0]], [[1.0]], [[0.0]]]])).flatten()
    tensor([ 1.0000, -0.5000])
    """
    return ((volumes[:, 1:] - volumes[:, :-1]) / 2).flatten(0, 1).unsqueeze(1)


def power(volumes: Tensor) -> Tensor:
    """Mean power along the normal, by cycles per volume: (D // 2 + 1,) float64, of no cycle first.

    >>> wave = torch.tensor([1.0, 0.0, -1.0, 0.0]).view(1, 4, 1, 1)  # one cycle
    >>> power(wave)
    tensor([0., 4., 0.], dtype=torch.float64)
    """
    spectrum: Tensor = torch.fft.rfft(volumes.double(), dim=1).abs().square()
    return spectrum.mean((0, 2, 3))


def power_gap(real: Tensor, fake: Tensor) -> float:
    """How far the power of `fake` lies from that of `real`, in decades, over all frequencies but none: 0 at best.

    >>> wave = torch.tensor([1.0, 0.0, -1.0, 0.0, 0.5]).view(1, 5, 1, 1)
    >>> round(power_gap(wave, wave * 10), 6)  # a hundred times the power at every frequency
    2.0
    """
    ratio = power(fake)[1:].clamp_min(1e-12) / power(real)[1:].clamp_min(1e-12)
    return float(ratio.log10().abs().mean())

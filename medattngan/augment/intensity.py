"""Random changes of intensity and random erasing, differentiable.

Zhao et al. 2020 (DiffAugment), arXiv:2006.10738. Intensities are a measurement in CT (HU): there these transforms
teach the generator to shift them, so they are named in `LEAKS` and no preset uses them unasked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from medattngan.core.types import Images

BRIGHTNESS = 0.2
"""Standard deviation of the shift, in the units of [-1, 1]."""
CONTRAST_LOG2 = 0.5
"""Standard deviation of the log2 of the gain about the image's mean."""
CUTOUT = 0.5
"""Side of the erased square, as a share of the image."""
NAMES = ("shift", "shifted", "gain", "gained", "square", "erased")
"""Of the numbers that `draw_changes` draws."""


def perturb(images: Images, drawn: Mapping[str, Tensor]) -> Images:
    """Change (B, C, H, W) by what `draw_changes` drew; same shape. Channels after the first are of a mask, and have no
    brightness: they are erased with their slice and not else changed."""
    drawn = {name: tensor.to(images) for name, tensor in drawn.items() if name in NAMES}
    slices = images[:, :1]
    if "shift" in drawn:
        slices = slices + drawn["shifted"] * (drawn["shift"] * BRIGHTNESS)
    if "gain" in drawn:
        mean = slices.mean(dim=(1, 2, 3), keepdim=True)
        slices = slices + drawn["gained"] * (drawn["gain"] - 1) * (slices - mean)
    if images.shape[1] == 1:
        images = slices
    elif drawn.keys() & {"shift", "gain"}:
        images = torch.cat([slices, images[:, 1:]], 1)
    if "square" in drawn:
        erased = drawn["square"] * drawn["erased"]
        images = images * (1 - erased) - erased
    return images


def draw_changes(
    count: int, size: int, policy: Sequence[str], probability: float, generator: torch.Generator
) -> dict[str, Tensor]:
    """What brightness, contrast and cutout do to each of `count` images where named in `policy`: (count, 1, …) each."""
    drawn: dict[str, Tensor] = {}
    if probability <= 0:
        return drawn

    def keep() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator) < probability

    if "brightness" in policy:
        drawn |= {"shift": torch.randn(count, 1, 1, 1, generator=generator), "shifted": keep()}
    if "contrast" in policy:
        gain = torch.exp2(torch.randn(count, 1, 1, 1, generator=generator) * CONTRAST_LOG2)
        drawn |= {"gain": gain, "gained": keep()}
    if "cutout" in policy:
        drawn |= {"square": _squares(count, size, generator), "erased": keep()}
    return drawn


def _squares(count: int, size: int, generator: torch.Generator) -> Tensor:
    """(B, 1, size, size): 1 inside a square of half the image's side around a random centre."""
    centre = torch.rand(count, 2, generator=generator) * size
    position = torch.arange(size) + 0.5
    inside = (position[None, None, :] - centre[:, :, None]).abs() < CUTOUT * size / 2
    return (inside[:, 0, :, None] & inside[:, 1, None, :]).unsqueeze(1)

"""The way from seed to seed as a film."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from medattngan.core.plots import save_film, with_caption
from medattngan.core.types import Images
from medattngan.stages.explain.paths import slerp

STEPS = 12
"""Frames from one seed to the next."""
CAPTION = "SYNTHETIC, no patient"
LEAST_PX = 192
"""Smaller slices are shown enlarged by a whole number."""


def way(z: Tensor, told: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Latents (n, z_dim) joined by great circles, and back to the first: (n · STEPS, z_dim).

    What the generator is told goes with them: numbers straight from one to the next, categories changing half way.

    >>> frames, told = way(torch.eye(3), {"label": torch.arange(3)})
    >>> frames.shape, told["label"][:13].tolist()
    (torch.Size([36, 3]), [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    """
    count = len(z)
    frames = [slerp(z[i], z[(i + 1) % count], STEPS + 1)[:-1] for i in range(count)]
    place = torch.arange(count * STEPS) / STEPS
    first, second, share = place.long(), (place.long() + 1) % count, place.frac()

    def along(one: Tensor) -> Tensor:
        if not one.is_floating_point():
            return torch.where((share <= 0.5).view(-1, *[1] * (one.ndim - 1)), one[first], one[second])
        return torch.lerp(one[first], one[second], share.to(one.dtype).view(-1, *[1] * (one.ndim - 1)))

    return torch.cat(frames), {name: along(one) for name, one in told.items()}


def save_interpolation(path: Path, images: Images) -> None:
    """Write images (N, 1, H, W) in [-1, 1] as a film, SYNTHETIC beneath each."""
    larger = max(1, -(-LEAST_PX // images.shape[-1]))
    grey = ((images[:, 0].clamp(-1, 1).numpy() + 1) / 2 * 255).round().astype(np.uint8)
    save_film(path, np.stack([with_caption(frame.repeat(larger, 0).repeat(larger, 1), CAPTION) for frame in grey]))

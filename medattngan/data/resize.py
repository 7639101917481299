"""One way to bring slices to another size."""

from __future__ import annotations

from torch.nn import functional as F

from medattngan.core.types import Images


def resize(images: Images, size: int) -> Images:
    """(B, 1, H, W) → (B, 1, size, size), bilinear and antialiased; unchanged where the size is right."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True).clamp(-1, 1)

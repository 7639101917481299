"""Small pieces that more than one preset is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from medattngan.attention import ATTENTION
from medattngan.files import UserError
from medattngan.models.gan import Shape
from medattngan.types import Features


def make_attention(shape: Shape, channels: int) -> nn.Module:
    """The attention module of a configuration, for maps `channels` wide.

    Raises:
        UserError: the kind cannot be made that wide.
    """
    try:
        return ATTENTION[shape.attention](channels, **(shape.attention_options or {}))
    except ValueError as error:
        raise UserError(
            f"attention.kind={shape.attention} does not fit maps {channels} wide ({error}); "
            "change attention.heads, or model.generator_width and model.discriminator_width."
        ) from error


def attention_at(shape: Shape, resolution: int, channels: int) -> list[nn.Module]:
    """The attention module for maps of this height, or nothing where none is asked for."""
    return [make_attention(shape, channels)] if resolution in shape.attention_resolutions else []


def prefer(shape: Shape, kind: str, **options: Any) -> Shape:
    """`shape` with a preset's own variant of one kind of attention; options that `shape` gives stay."""
    if shape.attention != kind:
        return shape
    return replace(shape, attention_options={**options, **(shape.attention_options or {})})


def require_unconditional(preset: str, shape: Shape) -> None:
    """Refuse labels where a preset has no place for them.

    Raises:
        UserError: labels were asked for.
    """
    if shape.classes:
        raise UserError(f"model.preset={preset} takes no labels; set data.conditional=false or choose another preset.")


def haar(images: Tensor) -> Features:
    """Orthonormal Haar transform: (B, C, H, W) → (B, 4C, H/2, W/2), averages first.

    Half the side for the convolutions that follow and nothing lost.
    Gal et al. 2021 (SWAGAN), arXiv:2102.06108.
    """
    a, b = images[..., ::2, ::2], images[..., ::2, 1::2]
    c, d = images[..., 1::2, ::2], images[..., 1::2, 1::2]
    return torch.cat([a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d], 1) / 2


def inverse_haar(coefficients: Features) -> Tensor:
    """(B, 4C, H, W) → (B, C, 2H, 2W), the inverse of `haar`.

    >>> x = torch.randn(2, 3, 8, 8)
    >>> torch.allclose(inverse_haar(haar(x)), x, atol=1e-6)
    True
    """
    s, v, h, x = (coefficients / 2).chunk(4, 1)
    rows = [torch.stack([s + v + h + x, s + v - h - x], -1), torch.stack([s - v + h - x, s - v - h + x], -1)]
    batch, channels, height, width = s.shape
    return torch.stack(rows, -3).reshape(batch, channels, 2 * height, 2 * width)


def minibatch_deviation(features: Features, group: int = 4) -> Features:
    """Append one map with the mean deviation across groups of the batch: (B, C, H, W) → (B, C + 1, H, W).

    It lets the critic see a lack of variety. Karras et al. 2018, arXiv:1710.10196, section 3.
    """
    count = len(features)
    size = next(n for n in range(min(group, count), 0, -1) if count % n == 0)
    grouped = features.reshape(size, count // size, *features.shape[1:])
    deviation = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3)).repeat(size)
    return torch.cat([features, deviation[:, None, None, None].expand(count, 1, *features.shape[2:])], 1)

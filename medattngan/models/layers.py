"""Small pieces that more than one preset is made of."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from medattngan.attention import all_attention
from medattngan.conditions.labels import Label
from medattngan.core.files import UserError
from medattngan.core.types import Features
from medattngan.models.shape import Shape


def make_attention(shape: Shape, channels: int, latent: int = 0) -> nn.Module:
    """The attention module of a configuration, for maps `channels` wide.

    Args:
        latent: width of what a generator can tell it of the latent; kinds that listen to none are made without.

    Raises:
        UserError: the kind cannot be made that wide.
    """
    kind, options = all_attention()[shape.attention], dict(shape.attention_options or {})
    if latent and "latent" in signature(kind).parameters:
        options["latent"] = latent
    try:
        return kind(channels, **options)
    except ValueError as error:
        raise UserError(
            f"attention.kind={shape.attention} does not fit maps {channels} wide ({error}); "
            "change attention.heads, or model.generator_width and model.discriminator_width."
        ) from error


def attention_at(shape: Shape, resolution: int, channels: int, latent: int = 0) -> list[nn.Module]:
    """As many attention modules for maps of this height as it is asked for times: none, one, or several in a row."""
    return [make_attention(shape, channels, latent) for _ in range(shape.attention_resolutions.count(resolution))]


def attended(attentions: nn.Module, x: Features, w: Tensor) -> Features:
    """`x` after these attentions in a row; those that listen to the latent are told `w` (B, z_dim)."""
    for one in attentions.children():
        x = one(x, w) if getattr(one, "latent", None) is not None else one(x)
    return x


def prefer(shape: Shape, kind: str, **options: Any) -> Shape:
    """`shape` with a preset's own variant of one kind of attention; options that `shape` gives stay."""
    if shape.attention != kind:
        return shape
    return replace(shape, attention_options={**options, **(shape.attention_options or {})})


def require_unconditional(preset: str, shape: Shape) -> None:
    """Refuse labels and other conditions where a preset has no place for them.

    Raises:
        UserError: any was asked for.
    """
    if shape.classes:
        raise UserError(f"model.preset={preset} takes no labels; set data.conditional=false or choose another preset.")
    if shape.conditions:
        raise UserError(f"model.preset={preset} takes no conditions; set data.conditions=[] or choose another preset.")


def require_labels_and_numbers(preset: str, shape: Shape) -> None:
    """Refuse conditions that are neither the label nor a number.

    Raises:
        UserError: one was asked for.
    """
    for one in shape.conditions:
        if one.name not in shape.numbers and not isinstance(one, Label):
            raise UserError(
                f"model.preset={preset} takes labels and numbers, and {one.name} is neither; "
                "take it out of data.conditions or choose another preset."
            )


def only_text(preset: str, shape: Shape) -> int:
    """How many words the captions of a training have, for a preset that takes captions and nothing else.

    Raises:
        UserError: there are none among the conditions, or there is another condition.
    """
    if shape.text is None:
        raise UserError(
            f"model.preset={preset} draws from captions; set data.conditions=[text], and ingest with --captions."
        )
    if others := [one.name for one in shape.conditions if one is not shape.text]:
        raise UserError(
            f"model.preset={preset} takes captions alone; take {others[0]} out of data.conditions or choose another "
            "preset."
        )
    return len(shape.text.vocabulary)


GROUP = 4
"""Images that `minibatch_deviation` compares with each other."""


def minibatch_deviation(features: Features, group: int = GROUP) -> Features:
    """Append one map with the mean deviation across groups of the batch: (B, C, H, W) → (B, C + 1, H, W).

    It lets the discriminator see a lack of variety. Karras et al. 2018, arXiv:1710.10196, section 3. A group is `group`
    images in a row, fewer where that does not divide B; of 1 the map is zero.
    """
    count = len(features)
    if group == 1:  # without a question about layout, which vmap cannot answer
        return torch.cat([features, features.new_zeros(count, 1, *features.shape[2:])], 1)
    size = next(n for n in range(min(group, count), 0, -1) if count % n == 0)
    grouped = features.reshape(count // size, size, *features.shape[1:])
    # `Tensor.var` over a dimension that is not the last takes ten times as long on a CPU.
    variance = (grouped - grouped.mean(1, keepdim=True)).square().mean(1)
    deviation = (variance + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(size)
    joined = torch.cat([features, deviation[:, None, None, None].expand(count, 1, *features.shape[2:])], 1)
    # The map of one channel makes it lose the layout, and the convolution after it a third of its speed.
    last = features.is_contiguous(memory_format=torch.channels_last)
    return joined.contiguous(memory_format=torch.channels_last) if last else joined

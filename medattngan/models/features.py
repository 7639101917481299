"""What a discriminator sees of slices: maps of one of its convolutions, of any preset, without its help.

The layer f of Schlegl et al. 2019 (f-AnoGAN), Medical Image Analysis 54, Eq. 3, and of Larsen et al. 2016, Eq. 6.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from medattngan.conditions.condition import Conditions
from medattngan.core.types import Features, Images

SHARE = 8
"""Of the side of a slice: the maps are an eighth as high, or higher where the discriminator has none so low."""


def discriminator_maps(discriminator: nn.Module, images: Images, conditions: Conditions) -> Features:
    """(B, 1, H, W) → (B, C, h, w), h = H / 8 or the next above: the maps of the last convolution on that height.

    Convolutions of one pixel are passed over: they belong to attentions, behind gates, and to shortcuts. What comes
    later in a discriminator may compare the slices of a batch with each other, which a slice's own score must not.

    Raises:
        ValueError: it has no such convolution.
    """
    least, found = images.shape[-1] // SHARE, list[Tensor]()

    def seen(module: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.shape[-1] >= least:
            found.append(output)

    convolutions = [one for one in discriminator.modules() if isinstance(one, nn.Conv2d) and max(one.kernel_size) > 1]
    hooks = [one.register_forward_hook(seen) for one in convolutions]
    try:
        discriminator(images, conditions)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ValueError("a discriminator without a convolution")
    return found[-1]

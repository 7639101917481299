"""The game of pairs: what the discriminator sees is a slice and its mask, one picture of 1 + classes channels.

They are augmented together, so that a mask stays where its slice is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from medattngan.conditions.condition import Conditions
from medattngan.conditions.mask import NAME, Mask
from medattngan.core.types import Images, Latent
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import Batch, Draws, Network, Networks, Phase


def outlines(masks: Tensor, classes: int) -> Tensor:
    """(B, H, W) numbers of classes → (B, classes, H, W) float32: 1 where the class is, -1 elsewhere, as in a slice.

    >>> outlines(torch.tensor([[[1]]], dtype=torch.uint8), 2).flatten()
    tensor([-1.,  1.])
    """
    return torch.stack([masks == k for k in range(classes)], 1).float() * 2 - 1


@dataclass(frozen=True)
class _Paired:
    """A generator told a mask, whose slices come with it."""

    generator: Network
    masks: Tensor
    channels: Tensor

    @property
    def module(self) -> nn.Module:
        """The generator's own."""
        return self.generator.module

    def __call__(self, z: Latent, told: Conditions) -> Images:
        return torch.cat([self.generator(z, {**told, NAME: self.masks}), self.channels], 1)

    def bare(self, *inputs: Any, twice: bool = False) -> Tensor:
        """As the generator's own."""
        return self.generator.bare(*inputs, twice=twice)


@dataclass(frozen=True)
class MaskGame(AdversarialGame):
    """The alternating game of two over pairs of slice and mask.

    Args:
        mask: the condition: what the generator is told of the batch, or draws itself.
    """

    mask: Mask = Mask(())  # noqa: RUF009

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """The two moves, on pairs."""
        masks = batch.conditions[self.mask.name]
        channels = outlines(masks, len(self.mask.classes)).to(batch.images)
        told = {name: one for name, one in batch.conditions.items() if name != self.mask.name}
        if not self.mask.drawn:
            networks = {**networks, "generator": _Paired(networks["generator"], masks, channels)}
        yield from super().phases(networks, Batch(torch.cat([batch.images, channels], 1), told), draws)

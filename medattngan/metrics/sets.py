"""The three sets of slices that are scored, parts of them, and what the parts share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from medattngan.data.slice_images import SliceImages
from medattngan.statistics.bootstrap import REPLICATES

Shared: TypeAlias = Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]]
"""Of each part, what a metric's comparison is given: of the synthetic slices, and of the other patients'."""


@dataclass(frozen=True)
class Sides:
    """The same three sets of slices, as images or as features; equally long. Images may be made as they are needed.

    Args:
        reference: (n, …), real, what the synthetic ones are compared with.
        fake: (n, …), synthetic.
        other: (n, …), real slices of other patients, put in the place of the synthetic ones for the floor.
    """

    reference: Tensor | SliceImages
    fake: Tensor | SliceImages
    other: Tensor | SliceImages

    def take(self, reference: Sequence[int], fake: Sequence[int], other: Sequence[int]) -> Sides:
        """Some rows of each set."""
        return Sides(self.reference[list(reference)], self.fake[list(fake)], self.other[list(other)])

    @property
    def whole(self) -> Part:
        """All rows of each set."""
        first, second, third = (torch.arange(len(side)) for side in (self.reference, self.fake, self.other))
        return Part(first, second, third)


@dataclass(frozen=True)
class Part:
    """Some rows of each of three sets: all of them, or a stratum.

    Args:
        reference: (n,) int64, rows of `Sides.reference`.
        fake: the same of `Sides.fake`.
        other: the same of `Sides.other`.
        replicates: how often the bootstrap draws from them.
    """

    reference: Tensor
    fake: Tensor
    other: Tensor
    replicates: int = REPLICATES

    def first(self, count: int | None) -> Part:
        """No more than so many rows of each set, which stand in random order; None for all."""
        return replace(self, reference=self.reference[:count], fake=self.fake[:count], other=self.other[:count])


def in_pairs(sides: Sides, parts: Sequence[Part]) -> Iterator[tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]]:
    """Of each part the rows of the reference with those of the synthetic slices, and with the other patients'."""
    for part in parts:
        reference = sides.reference[part.reference]
        yield (reference, sides.fake[part.fake]), (reference, sides.other[part.other])


def in_pairs_of_images(
    sides: Sides, parts: Sequence[Part]
) -> Iterator[tuple[tuple[SliceImages, SliceImages], tuple[SliceImages, SliceImages]]]:
    """`in_pairs` of images that are not made before they are compared."""
    whole = [SliceImages.of(side) for side in (sides.reference, sides.fake, sides.other)]
    for part in parts:
        rows = (part.reference, part.fake, part.other)
        reference, fake, other = (side.take(some) for side, some in zip(whole, rows, strict=True))
        yield (reference, fake), (reference, other)

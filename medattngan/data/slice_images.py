"""Slices as the network sees them, made when they are asked for: any number of them in the memory of a few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.core.types import Codes, Images
from medattngan.data.blocks import read_rows
from medattngan.data.images import codes_to_images, load_images, resize
from medattngan.data.store import SliceStore

Rows: TypeAlias = npt.NDArray[np.intp]
PIXELS_AT_ONCE = 1 << 20
"""In memory at a time: 256 slices of 64 px, 4 of 512."""


@dataclass(frozen=True)
class SliceImages:
    """Images (count, 1, size, size) in [-1, 1] that lie as codes in a file, or in memory. Indexing makes them.

    Args:
        read: rows of what they lie in → images.
        rows: (count,) which of these, in which order.
        size: side, in pixels.
        dtype: float32, or float16 as the audit keeps its training slices.

    >>> few = SliceImages.of(torch.zeros(3, 1, 4, 4)).take([2, 0])
    >>> len(few), few.shape, few[:1].shape
    (2, (2, 1, 4, 4), torch.Size([1, 1, 4, 4]))
    """

    read: Callable[[Rows], Images]
    rows: Rows
    size: int
    dtype: torch.dtype = torch.float32

    @classmethod
    def of(cls, images: Images | SliceImages) -> SliceImages:
        """Images that are in memory already."""
        if isinstance(images, SliceImages):
            return images
        held: Images = images
        return cls(lambda rows: held[torch.from_numpy(rows)], np.arange(len(held)), int(held.shape[-1]), held.dtype)

    @classmethod
    def of_codes(cls, codes: Codes) -> SliceImages:
        """Codes (count, H, H), in memory or mapped."""
        return cls(
            lambda rows: codes_to_images(read_rows(codes, rows.tolist())), np.arange(len(codes)), codes.shape[-1]
        )

    @classmethod
    def of_store(
        cls, store: SliceStore, rows: Sequence[int] | None = None, size: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> SliceImages:  # fmt: skip
        """Slices of a store, as `load_images` makes them."""
        side = store.size if size is None else size
        chosen = np.arange(len(store)) if rows is None else np.asarray(rows, np.intp)
        return cls(lambda some: load_images(store, some.tolist(), side, dtype), chosen, side, dtype)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(count, 1, size, size), as a tensor has it."""
        return len(self), 1, self.size, self.size

    def __getitem__(self, key: Any) -> Images:
        if isinstance(key, int | np.integer):
            return self.read(self.rows[np.array([key])])[0]
        if isinstance(key, tuple):
            kept = () if isinstance(key[0], int | np.integer) else (slice(None),)
            return self[key[0]][(*kept, *key[1:])]
        return self.read(self.rows[key.numpy() if isinstance(key, Tensor) else key])

    def take(self, rows: Sequence[int] | Tensor) -> SliceImages:
        """Some of them, in the order of `rows`; none is made."""
        return replace(self, rows=self.rows[np.asarray(rows, np.intp)])

    def resized(self, size: int) -> SliceImages:
        """At `size` px; what rounding takes out of [-1, 1] is put back."""
        read = self.read
        return replace(self, read=lambda rows: resize(read(rows), size).clamp(-1, 1), size=size)

    def batches(self) -> Iterator[Images]:
        """All of them in order, a few at a time."""
        count = max(1, PIXELS_AT_ONCE // self.size**2)
        for start in range(0, len(self), count):
            yield self[start : start + count]

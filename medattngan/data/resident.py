"""Where a round finds its real slices: on the device as integers where all of them fit, else as they are read.

Either way the slices of a batch are what `Batches` gives, on the CPU to the byte. `fetch` is the host's part, which
depends on the step; `batch` is the device's, and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from medattngan.core.types import Images
from medattngan.data.batches import Batches
from medattngan.data.blocks import BLOCK_BYTES
from medattngan.data.images import resize
from medattngan.data.intensity import CODE_MAX

SHARE = 0.25
"""Of the device's free memory that the slices may take: 10,000 of 64 px are 82 MB."""
CODE_BYTES = 2


class Slices(Protocol):
    """The slices of a training, by the number of the round."""

    def fetch(self, step: int, part: slice) -> dict[str, Tensor]:
        """What the device is to be told of a part of batch number `step`."""
        ...

    def batch(self, fetched: Mapping[str, Tensor]) -> tuple[Images, dict[str, Tensor]]:
        """Images (B, 1, size, size) in [-1, 1] and each condition, from `fetched` on the device."""
        ...


class Streamed:
    """Slices read for each round; for a GPU into pinned memory, so that the copy goes on beside the round before.

    Args:
        pinned: for a GPU. The host is rounds ahead of it, so it need not wait for the reading.
    """

    def __init__(self, batches: Batches, pinned: bool = False) -> None:
        self.batches, self.pinned = batches, pinned

    def fetch(self, step: int, part: slice) -> dict[str, Tensor]:
        """The images and the conditions themselves."""
        images, told = self.batches(step, part)
        return {"images": images.pin_memory() if self.pinned else images, **_prefixed(told)}

    def batch(self, fetched: Mapping[str, Tensor]) -> tuple[Images, dict[str, Tensor]]:
        """As they were fetched."""
        return fetched["images"], _told(fetched)


class Resident:
    """All slices of a training in the memory of a device, 16 bits a pixel, gathered there by number.

    Args:
        batches: whose slices and order; slices larger than its size are averaged down on the device, too.
    """

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self.batches, store = batches, batches.store
        # int16 holds the same bits as uint16, and every operation of PyTorch knows it.
        self.codes = torch.empty(len(store), store.size, store.size, dtype=torch.int16, device=device)
        step = max(1, BLOCK_BYTES // (CODE_BYTES * store.size**2))
        for start in range(0, len(store), step):
            some = range(start, min(start + step, len(store)))
            self.codes[some.start : some.stop] = torch.from_numpy(store.read(some).view("int16")).to(device)

    def fetch(self, step: int, part: slice) -> dict[str, Tensor]:
        """The numbers of the slices, and the conditions themselves."""
        rows = self.batches.rows(step)[part]
        return {"rows": torch.tensor(rows), **_prefixed(self.batches.conditions_at(step, part))}

    def batch(self, fetched: Mapping[str, Tensor]) -> tuple[Images, dict[str, Tensor]]:
        """The slices of these numbers."""
        images = to_unit(self.codes.index_select(0, fetched["rows"])).unsqueeze(1)
        return resize(images, self.batches.size), _told(fetched)


def to_unit(codes: Tensor) -> Tensor:
    """Codes as int16 bits → float32 in [-1, 1]: the bytes of `intensity.codes_to_unit`, in the same two steps.

    >>> to_unit(torch.tensor([0, -1], dtype=torch.int16))  # the bits of 0 and of 65535
    tensor([-1.,  1.])
    """
    return codes.to(torch.int32).bitwise_and_(CODE_MAX).to(torch.float32).mul_(2 / CODE_MAX).sub_(1)


def slices_on(device: torch.device, batches: Batches) -> Slices:
    """The slices of a training for this device: resident on a GPU if they fit into `SHARE` of what is free there."""
    if device.type != "cuda":
        return Streamed(batches)
    free, _ = torch.cuda.mem_get_info(device)
    wanted = len(batches.store) * batches.store.size**2 * CODE_BYTES
    return Resident(batches, device) if wanted <= SHARE * free else Streamed(batches, pinned=True)


TOLD = "told."


def _prefixed(told: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {TOLD + name: tensor for name, tensor in told.items()}


def _told(fetched: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(TOLD): tensor for name, tensor in fetched.items() if name.startswith(TOLD)}

"""The search of an audit by several processes, to the same bytes whatever their number.

Each holds the training slices, and is given a block of slices at a time. It works with one thread: with several, sums
are put together in another order, and what is found without `workers` may differ in the last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.core.processes import in_order, require_workers, spawned
from medattngan.core.progress import Advance
from medattngan.data.slice_images import SliceImages
from medattngan.extractors.encoder import EncoderNetwork
from medattngan.stages.audit.search import BLOCK, Bank, Found, Near, joined, search, search_block

Search = Callable[[SliceImages, Advance], Found]
Arrays = dict[str, npt.NDArray[np.generic]]


@contextmanager
def searching(bank: Bank, network: EncoderNetwork, workers: int | None) -> Iterator[Search]:
    """Search by so many processes, or by this one alone where `workers` is None.

    Raises:
        UserError: it is no number of processes, or one died.
    """
    require_workers(workers)
    if workers is None:
        yield lambda images, advance: search(bank, images, network, advance)
        return
    with spawned(workers, _begin, *_packed(bank, network)) as pool:

        def by_all(images: SliceImages, advance: Advance) -> Found:
            jobs = ((images[start : start + BLOCK].numpy(),) for start in range(0, len(images), BLOCK))
            found = []
            for pixels, embedded, places in in_order(pool, 2 * workers, _search, jobs):
                found.append((pixels, embedded, torch.from_numpy(places)))
                advance(len(places))
            return joined(found)

        yield by_all


def _packed(bank: Bank, network: EncoderNetwork) -> tuple[Arrays, Arrays]:
    """As arrays, which travel through a pipe: PyTorch would put tensors into shared memory, and containers have little.

    The slices themselves stay here: the search looks at what was made of them.
    """
    held = {one.name: getattr(bank, one.name) for one in fields(bank)} | {"images": bank.images[:0]}
    return {name: _array(value) for name, value in held.items()}, {
        name: _array(value) for name, value in network.state_dict().items()
    }


def _array(value: Tensor | npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return value.numpy() if isinstance(value, Tensor) else value


_HELD: list[tuple[Bank, EncoderNetwork]] = []
"""Of a worker: what it searches, and by what."""


def _begin(bank: Arrays, weights: Arrays) -> None:
    """In a worker, first."""
    torch.set_num_threads(1)
    numbers = {"rows", "patients", "starts"}
    arguments: dict[str, Any] = {name: one if name in numbers else torch.from_numpy(one) for name, one in bank.items()}
    held = Bank(**arguments)
    network = EncoderNetwork(held.size)
    network.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()})
    _HELD.append((held, network.eval()))


def _search(images: npt.NDArray[np.generic]) -> tuple[Near, Near, npt.NDArray[np.float32]]:
    """In a worker: what is nearest to images (n, 1, S, S)."""
    bank, network = _HELD[0]
    pixels, embedded, places = search_block(bank, torch.from_numpy(images), network)
    return pixels, embedded, places.numpy()

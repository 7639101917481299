"""The views that an encoder is shown, step by step, made ahead by other processes where they are asked for.

What a step is shown follows from the seed and its number alone, so it is the same whoever makes it. Processes work with
one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from medattngan.core.processes import in_order, require_workers, spawned
from medattngan.core.types import Images
from medattngan.stages.encoder.views import view

Shown = Callable[[Images, int, int, int], Iterator[Images]]


@contextmanager
def viewing(workers: int | None) -> Iterator[Shown]:
    """What gives the views of each step, (2 × batch, 1, H, W), from images, the size of a batch, steps and a seed.

    Raises:
        UserError: `workers` is no number of processes, or one died.
    """
    require_workers(workers)
    if workers is None:
        yield lambda *given: (views(*job) for job in _batches(*given))
        return
    with spawned(workers, torch.set_num_threads, 1) as pool:

        def ahead(images: Images, batch: int, steps: int, seed: int) -> Iterator[Images]:
            jobs = ((some.numpy(), seed, step) for some, seed, step in _batches(images, batch, steps, seed))
            yield from map(torch.from_numpy, in_order(pool, 2 * workers, _views, jobs))

        yield ahead


def _batches(images: Images, batch: int, steps: int, seed: int) -> Iterator[tuple[Images, int, int]]:
    """The slices of each step: each once before any comes again. Where one round ends within a step, the next one's
    first slices fill it up, and may be some of the last."""
    order = np.empty(0, np.intp)
    for step in range(steps):
        if len(order) < batch:
            order = np.concatenate([order, np.random.default_rng([seed, step]).permutation(len(images))])
        rows, order = torch.from_numpy(order[:batch]), order[batch:]
        yield images[rows], seed, step


def views(images: Images, seed: int, step: int) -> Images:
    """Two views of each of `images` (B, 1, H, W): (2B, 1, H, W) float32, all the first, then all the second."""
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, 7, step]).generate_state(1)[0]))
    chosen = images.float()
    return torch.cat([view(chosen, generator), view(chosen, generator)])


def _views(images: npt.NDArray[np.generic], seed: int, step: int) -> npt.NDArray[np.float32]:
    """In a worker."""
    made: npt.NDArray[np.float32] = views(torch.from_numpy(images), seed, step).numpy()
    return made

"""Features made by several processes, or by the workers of a Dask cluster, to the same bytes whatever their number.

The images are cut into blocks of BLOCK, which are whole batches of BATCH, in their order; a block is made into features
by one process with one thread, by the extractor that it loads itself; the features are put together in the order of
the blocks. So nothing depends on how many processes there are, or which one is faster. PyTorch chooses other kernels
with one thread than with several, which round differently: features made here, with all threads, may differ in the last
digits. No more than two blocks a process are under way at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.core.processes import dask_client, in_order, require_workers, spawned
from medattngan.core.progress import Advance, uncounted
from medattngan.core.types import ImageRows
from medattngan.extractors.table import BATCH, Extractor, Source, extract, load_extractor

BLOCK = 4 * BATCH
"""Images that a process is given at once: about a second's work."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Crew:
    """Processes that make features.

    Args:
        pool: what runs a function in one of them.
        at_once: blocks that are under way at a time.
    """

    pool: Executor
    at_once: int

    def extract(self, extractor: Extractor, images: ImageRows, advance: Advance = uncounted) -> Tensor:
        """Features of `images` (count, 1, H, W): (count, dim) float32.

        Raises:
            UserError: a process has other weights.
            BrokenExecutor, KilledWorker: one died; `crew` says so in a sentence.
            ValueError: the extractor was not loaded by its name or path, and so no other process can load it.
        """
        if extractor.source is None:
            raise ValueError(f"{extractor.name} cannot be loaded by another process; use load_extractor")
        source, features = extractor.source, torch.empty(len(images), extractor.dim)
        jobs = (
            (source, extractor.digest, images[start : start + BLOCK].cpu().float().numpy())
            for start in range(0, len(images), BLOCK)
        )
        start = 0
        for block in in_order(self.pool, self.at_once, _features, jobs):
            features[start : start + len(block)] = torch.from_numpy(block)
            start += len(block)
            advance(len(block))
        return features


@contextmanager
def crew(workers: int | None, cluster: str | None = None) -> Iterator[Crew | None]:
    """So many processes, or the workers of the cluster at this address; None for neither, where this process works.

    Raises:
        UserError: `workers` is no number of processes, both are given, or no scheduler is there.
    """
    if workers is not None and cluster is not None:
        raise UserError("give --workers or --cluster, and one of them only.")
    require_workers(workers)
    if cluster is not None:
        yield from _on_cluster(cluster)
    elif workers is not None:
        with spawned(workers) as pool:
            yield Crew(pool, 2 * workers)
    else:
        yield None


def _on_cluster(address: str) -> Iterator[Crew]:
    with dask_client(address) as client:
        from distributed import KilledWorker

        at_once = 2 * max(1, sum(client.nthreads().values()))
        try:
            yield Crew(client.get_executor(pure=False), at_once)
        except KilledWorker:
            raise UserError(
                f"workers of the cluster {address} died one after another, most likely because memory ran out; give "
                "them more, or use --workers on one machine."
            ) from None


def _features(source: Source, digest: str, images: Floats) -> Floats:
    """In a worker: the features of images (n, 1, H, W)."""
    torch.set_num_threads(1)
    extractor = _loaded(source)
    if extractor.digest != digest:
        raise UserError(f"{source[0]} has other weights on a worker of the cluster; give all the same file.")
    return extract(extractor, torch.from_numpy(images)).numpy()


@lru_cache(maxsize=2)
def _loaded(source: Source) -> Extractor:
    return load_extractor(*source)

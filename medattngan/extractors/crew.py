"""Features made by several processes, or by the workers of a Dask cluster, to the same bytes whatever their number.

The images are cut into blocks of BLOCK, which are whole batches of BATCH, in their order; a block is made into features
by one process with one thread, by the extractor that it loads itself; the features are put together in the order of
the blocks. So nothing depends on how many processes there are, or which one is faster. PyTorch chooses other kernels
with one thread than with several, which round differently: features made here, with all threads, may differ in the last
digits. No more than two blocks a process are under way at a time.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.core.processes import dask_client, end_with_parent
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
        features = torch.empty(len(images), extractor.dim)
        starts = deque(range(0, len(images), BLOCK))
        waiting: deque[tuple[int, Future[Floats]]] = deque()
        while starts or waiting:
            while starts and len(waiting) < self.at_once:
                start = starts.popleft()
                block = images[start : start + BLOCK].cpu().float().numpy()
                waiting.append((start, self.pool.submit(_features, extractor.source, extractor.digest, block)))
            start, made = waiting.popleft()
            block = made.result()
            features[start : start + len(block)] = torch.from_numpy(block)
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
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers} is not a positive number.")
    if cluster is not None:
        yield from _on_cluster(cluster)
    elif workers is not None:
        yield from _here(workers)
    else:
        yield None


def _here(workers: int) -> Iterator[Crew]:
    # Spawned, not forked: the threads of this process and what they hold would not survive in a copy.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_settle)
    try:
        yield Crew(pool, 2 * workers)
    except BrokenExecutor:
        cure = "run the same command again with fewer --workers"
        raise UserError(f"a worker process died, most likely because memory ran out; {cure}.") from None
    finally:
        pool.shutdown(cancel_futures=True)


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


def _settle() -> None:
    """No end by Ctrl+C but by the parent's, and none later than the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


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

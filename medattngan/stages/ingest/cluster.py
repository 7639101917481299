"""The workers of a Dask cluster in place of processes here. What ends one of them is done again here, under watch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from functools import partial
from typing import Any

from medattngan.core.processes import dask_client
from medattngan.scans.bounds import Bounds
from medattngan.stages.ingest.watch import Mend, watched
from medattngan.stages.ingest.worker import Task, arm, unwatched

ITEMS_AT_ONCE = 64


def on_cluster(
    address: str, task: Task, items: Sequence[Any], mend: Mend, batch: int, bounds: Bounds
) -> Iterator[tuple[int, Any]]:
    """Do `task` on every item, `batch` of them at once; (index, result) as they come.

    Dask runs what ends its worker again elsewhere, and gives it up after some times.

    Raises:
        UserError: Dask is not installed, or no scheduler is there.
        Exception: what `task` raised.
    """
    given_up: list[int] = []
    with dask_client(address) as client:
        from distributed import KilledWorker

        client.run(arm, bounds)
        pool = client.get_executor()
        starts = range(0, len(items), batch)
        futures = {pool.submit(_batch, task, items[start : start + batch], bounds): start for start in starts}
        for future in as_completed(futures):
            start = futures[future]
            try:
                yield from enumerate(future.result(), start)
            except KilledWorker:
                given_up += range(start, min(start + batch, len(items)))
    here = watched(task, [items[i] for i in given_up], mend, 1, bounds)
    yield from ((given_up[i], result) for i, result in here)


def _batch(task: Task, items: Sequence[Any], bounds: Bounds) -> list[Any]:
    return list(map(partial(unwatched, task, bounds=bounds), items))

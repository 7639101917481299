"""The files of an ingest looked into, in processes here or on a cluster: what is in them, and what is set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from medattngan.core.progress import Watch
from medattngan.scans.bounds import Bounds
from medattngan.scans.captures import without_pages
from medattngan.scans.find import Found, state
from medattngan.stages.ingest.cluster import on_cluster
from medattngan.stages.ingest.watch import Mend, watched
from medattngan.stages.ingest.worker import Look, Task, look

FILES_AT_ONCE = 64
SMALL_BYTES = 64 << 20
"""Less than this is read sooner by one process than others take to start."""

Run = Callable[[Task, Sequence[Any], Mend, int], Iterator[tuple[int, Any]]]
"""A task, its items, how an item that ended a process is mended, how many of them are worth a message."""


def runner(files: Sequence[tuple[Path, str]], workers: int, cluster: str | None, bounds: Bounds) -> Run:
    """Who does the work on `files`."""
    small = sum(state(path)[0] for path, _ in files) < SMALL_BYTES
    return partial(_run, cluster=cluster, workers=1 if small else workers, bounds=bounds)


def _run(
    task: Task, items: Sequence[Any], mend: Mend, batch: int, *, cluster: str | None, workers: int, bounds: Bounds
) -> Iterator[tuple[int, Any]]:
    """On a cluster, or in processes here."""
    if cluster is not None:
        return on_cluster(cluster, task, items, mend, batch, bounds)
    return watched(task, items, mend, workers, bounds)


def examine(run: Run, files: Sequence[tuple[Path, str]], watch: Watch) -> list[Found]:
    """What is in each file, in their order."""
    advance = watch("scanning files", len(files))
    found: dict[int, Found] = {}
    for number, one in run(
        look, [Look(*file) for file in files], lambda item, lost: replace(item, lost=lost), FILES_AT_ONCE
    ):
        found[number] = one
        advance(1)
    return without_pages([found[number] for number in range(len(files))])

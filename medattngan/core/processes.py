"""Processes of ours beside this one, which end with it, and those of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING, Any, TypeVar

from medattngan.core.files import UserError

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")


def require_workers(workers: int | None) -> None:
    """Check a number of processes that was asked for.

    Raises:
        UserError: it is none.
    """
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers} is not a positive number.")


@contextmanager
def spawned(workers: int, begin: Callable[..., None] | None = None, *given: Any) -> Iterator[Executor]:
    """So many processes, which end with this one. Each calls `begin` with what is `given` first.

    Raises:
        UserError: one died.
    """
    # Spawned, not forked: the threads of this process and what they hold would not survive in a copy.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_settle, initargs=(begin, given))
    try:
        yield pool
    except BrokenExecutor:
        cure = "run the same command again with fewer --workers"
        raise UserError(f"a worker process died, most likely because memory ran out; {cure}.") from None
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(pool: Executor, at_once: int, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """What `work` makes of each job, in their order, with so many of them under way at most."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(pool.submit(work, *job))
        if len(waiting) == at_once:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _settle(begin: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    """No end by Ctrl+C but by the parent's, and none later than the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    if begin is not None:
        begin(*given)


def end_with_parent() -> None:
    """End this process no later than the one that started it, which may be killed and say nothing."""
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def dask_client(address: str) -> Client:
    """The cluster whose scheduler is at `address`.

    Raises:
        UserError: Dask is not installed, or no scheduler is there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UserError("--cluster needs Dask; install it with: pip install 'medattngan[cluster]'") from None
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError):
        raise UserError(f"--cluster {address}: no Dask scheduler answers there; give one as tcp://HOST:8786.") from None

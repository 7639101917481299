"""What a worker process does: settle down, read what it is given, and say all the while what it is at."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import math
import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pydicom
import torch

from medattngan.core.allocator import give_back_freed_memory
from medattngan.core.processes import end_with_parent
from medattngan.scans import bounds as limits
from medattngan.scans.bounds import Bounds
from medattngan.scans.find import Found, examine
from medattngan.stages.ingest import memory
from medattngan.stages.ingest.jobs import Job, Lost
from medattngan.stages.ingest.slate import NONE, Slate

CHATTY = ("pydicom", "nibabel.global", "tifffile", "PIL", "monai")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries from warning: what they quote of a damaged header may identify a patient."""
    mode = pydicom.config.settings.reading_validation_mode
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    with warnings.catch_warnings():
        _hush()
        try:
            yield
        finally:
            pydicom.config.settings.reading_validation_mode = mode
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _hush() -> None:
    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Look:
    """A file to look into, with its path under its source; `lost` if that ended a process before."""

    path: Path
    relative: str
    lost: Lost | None = None


def look(item: Look, at: Callable[[int], None]) -> Found:
    """What is in a file."""
    if item.lost is not None:
        return Found(item.path, item.relative, "", reason=item.lost.reason, cause=item.lost.cause)
    at(0)
    return examine((item.path, item.relative))


def run_job(job: Job, at: Callable[[int], None]) -> int:
    """Make the shard of `job`; how many series that were."""
    # MONAI takes seconds to import, and with several workers only they need it.
    from medattngan.stages.ingest.shards import write_shard

    write_shard(job, at)
    return len(job.series)


SEND_S = 0.2
"""Results are kept for so long, to be sent with others. Those of a worker that dies before are made again."""

Done = tuple[int, Any, Exception | None]
"""The number of an item, and its result or what was raised."""

Task = Callable[[Any, Callable[[int], None]], Any]
"""An item, and what is told the series that is begun (-1: none is left), to the item's result."""


def serve(pipe: Connection, slate: Slate, not_ours: Sequence[Connection], task: Task, bounds: Bounds) -> None:
    """Do batches of items as they come through `pipe`, until it closes. Results go back several at once.

    Args:
        not_ours: ends of pipes that came with the fork; while one is open here, nobody sees it close.
    """
    for other in not_ours:
        other.close()
    give_back_freed_memory()
    _settle()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            done: list[Done] = []
            sent = time.monotonic()
            for number, item in pipe.recv():
                done.append(_do(slate, number, item, task, bounds))
                if time.monotonic() - sent > SEND_S or done[-1][2] is not None:
                    _send(pipe, done)
                    sent = time.monotonic()
            slate.write(NONE, NONE, math.inf, math.inf, None)
            _send(pipe, done)


def _send(pipe: Connection, done: list[Done]) -> None:
    """Hand over results, and forget them."""
    try:
        pipe.send(done)
    except (pickle.PicklingError, TypeError, AttributeError) as unsent:  # what a format handed over stays here
        pipe.send([(number, None, RuntimeError(type(error or unsent).__name__)) for number, _, error in done])
    done.clear()


def _settle() -> None:
    """One thread, no word from any library, no end by Ctrl+C but by the parent's, and none later than the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.disable()  # it would speak of the death of a worker, which is said otherwise
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # codecs in C and Rust write there, not to sys.stderr
        os.dup2(silence, stream)
    torch.set_num_threads(1)
    _hush()
    end_with_parent()


def _do(slate: Slate, number: int, item: Any, task: Task, bounds: Bounds) -> Done:
    series = 0

    def tell(file: Path | None, seconds: float, more: float) -> None:
        slate.write(number, series, seconds, memory.allow(more), file)

    def at(begun: int) -> None:
        nonlocal series
        series = begun
        idle = begun < 0  # what is written now is ours, however long the disk takes
        tell(None, math.inf if idle else bounds.seconds, math.inf if idle else bounds.memory)

    limits.listen(bounds, tell)
    try:
        return number, task(item, at), None
    except Exception as raised:  # our own mistake, or a full disk: the parent says so
        return number, None, raised


def arm(bounds: Bounds) -> None:
    """Settle a worker of a cluster, once. Nobody watches it, so it ends itself when a file takes too long."""
    torch.set_num_threads(1)
    _hush()
    limits.listen(bounds, lambda file, seconds, more: _end_after(seconds))


def _end_after(seconds: float) -> None:
    """End this process if nothing is said for so long; its scheduler does the work elsewhere, or gives it up."""
    faulthandler.dump_traceback_later(seconds, exit=True)


def unwatched(task: Task, item: Any, bounds: Bounds) -> Any:
    """`task` in a worker of a cluster."""

    def at(begun: int) -> None:
        _end_after(bounds.seconds) if begun >= 0 else faulthandler.cancel_dump_traceback_later()

    try:
        return task(item, at)
    finally:
        faulthandler.cancel_dump_traceback_later()

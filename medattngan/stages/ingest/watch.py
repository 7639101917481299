"""Processes that read scans, watched from without: one that dies, hangs or grows costs the file it was at.

A reader in C may crash, spin or allocate without end, and no `except` in its own process helps. So even one worker
is a process of its own. It says what it is at (`slate.py`); it is ended when it is silent for
too long or holds too much, and a new one goes on with the rest.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from medattngan.core.files import UserError
from medattngan.scans.bounds import Bounds
from medattngan.stages.ingest import memory
from medattngan.stages.ingest.jobs import Lost
from medattngan.stages.ingest.slate import At, Slate
from medattngan.stages.ingest.worker import Task, serve

LOOK_S = 0.1 if memory.LINUX else 1.0
"""Between two looks at a worker."""

TICK_S = 1.0
"""What a look adds to a worker's clock at most, so that a computer that slept, or Ctrl+Z, condemns no file."""

BATCH = 64
"""So many items a worker is given at once, while there are plenty."""

DEATHS = 2
"""A file at which a process died so often is set aside: the first time, another may have taken all memory."""

METHOD = "fork" if memory.LINUX else "spawn"
"""Forked, a worker need not import anything. No thread of ours holds a lock that a worker takes; elsewhere than on
Linux the libraries of the system do not bear it."""

Mend = Callable[[Any, Lost], Any]
"""An item and what of it ended a process, to the item that leaves that out."""


@dataclass
class Worker:
    """A process, our end of its pipe, its slate, and what it was given."""

    process: BaseProcess
    pipe: Connection
    slate: Slate
    given: dict[int, Any] = field(default_factory=dict)
    beat: int = 0
    clock: float = 0.0
    looked: float = 0.0
    ended: str | None = None
    """The reason why we ended it."""
    blamed: At | None = None

    def give(self, items: Sequence[tuple[int, Any]]) -> None:
        """Hand over items; the worker is idle."""
        self.given = dict(items)
        self.clock, self.looked = 0.0, time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it died at leisure, which is noticed where its pipe is read
            self.pipe.send(list(items))

    def look(self) -> None:
        """End it if it took too long, or holds too much."""
        now = time.monotonic()
        if self.ended or now - self.looked < LOOK_S:
            return
        at = self.slate.read()
        self.clock = self.clock + min(now - self.looked, TICK_S) if at.beat == self.beat else 0.0
        self.beat, self.looked = at.beat, now
        if self.clock > at.seconds:
            self.end("too-slow", at)
        elif self.clock and memory.resident(self.process.pid or 0) > at.memory:
            self.end("too-large", at)

    def end(self, reason: str | None = None, at: At | None = None) -> None:
        """End it at once, for what it was at."""
        self.ended, self.blamed = reason, at
        self.process.kill()


def watched(task: Task, items: Sequence[Any], mend: Mend, workers: int, bounds: Bounds) -> Iterator[tuple[int, Any]]:
    """Do `task` on every item in processes; (index, result) as they come. None is left when this ends, however it ends.

    Raises:
        Exception: what `task` raised.
        UserError: a process died twice while it was at no file.
    """
    crew = _Crew(task, mend, bounds, max(1, min(workers, len(items))))
    crew.queue.extend(enumerate(items))
    try:
        yield from crew.work()
    finally:
        crew.end()


class _Crew:
    """The workers, what is to do, and what is to be done alone, since a process died of it among others."""

    def __init__(self, task: Task, mend: Mend, bounds: Bounds, size: int) -> None:
        self.task, self.mend, self.bounds, self.size = task, mend, bounds, size
        self.queue: deque[tuple[int, Any]] = deque()
        self.alone: deque[tuple[int, Any]] = deque()
        self.deaths: Counter[tuple[int, int, Any]] = Counter()
        self.workers: list[Worker] = []

    def work(self) -> Iterator[tuple[int, Any]]:
        while self.queue or self.alone or any(worker.given for worker in self.workers):
            self._hand_out()
            busy = {worker.pipe: worker for worker in self.workers if worker.given}
            for pipe in connection.wait(list(busy), LOOK_S):
                yield from self._hear(busy[pipe])  # type: ignore[index]
            for worker in busy.values():
                worker.look()

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()
        self.workers.clear()

    def _hand_out(self) -> None:
        busy = sum(bool(worker.given) for worker in self.workers)
        while self.queue and busy < self.size:
            count = max(1, min(BATCH, len(self.queue) // (4 * self.size)))
            self._idle().give([self.queue.popleft() for _ in range(count)])
            busy += 1
        if self.alone and not busy:
            self._idle().give([self.alone.popleft()])

    def _idle(self) -> Worker:
        for worker in self.workers:
            if not worker.given:
                return worker
        context: Any = multiprocessing.get_context(METHOD)  # typed without its processes
        ours, theirs = context.Pipe()
        slate = Slate(context)
        not_ours = [ours, *(worker.pipe for worker in self.workers)] if METHOD == "fork" else []
        process = context.Process(target=serve, args=(theirs, slate, not_ours, self.task, self.bounds), daemon=True)
        gc.freeze()  # what is collected is written to, and memory that is written to is no longer shared
        process.start()
        gc.unfreeze()
        theirs.close()
        self.workers.append(Worker(process, ours, slate))
        return self.workers[-1]

    def _hear(self, worker: Worker) -> Iterator[tuple[int, Any]]:
        """All that a worker has said since, and its death."""
        try:
            while worker.given and worker.pipe.poll():
                for number, result, error in worker.pipe.recv():
                    if error is not None:
                        raise error
                    del worker.given[number]
                    yield number, result
        except (EOFError, ConnectionResetError):
            self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        """Put back what a dead worker had not done, without the file it died of if that is sure."""
        worker.process.join()
        worker.pipe.close()
        self.workers.remove(worker)
        at = worker.blamed or worker.slate.read()
        item = worker.given.pop(at.item, None)
        self.queue.extendleft(reversed(worker.given.items()))
        place = (at.item, at.series, at.file)
        self.deaths[place] += 1
        certain = worker.ended is not None or self.deaths[place] >= DEATHS
        if certain and (item is None or at.series < 0):
            cure = "run the same command again with fewer --workers; finished work is kept"
            raise UserError(f"A worker process died, most likely because memory ran out; {cure}.")
        if item is not None and certain:
            self.queue.append((at.item, self.mend(item, _lost(at, worker))))
        elif item is not None:
            self.alone.append((at.item, item))


def _lost(at: At, worker: Worker) -> Lost:
    """What a worker died of. A process that somebody else killed had most likely taken the machine's memory."""
    if worker.ended is not None:
        return Lost(at.series, at.file, worker.ended)
    code = worker.process.exitcode or 0
    if code == -getattr(signal, "SIGKILL", 9) and sys.platform != "win32":
        return Lost(at.series, at.file, "too-large")
    return Lost(at.series, at.file, "unreadable", signal.Signals(-code).name if code < 0 else f"exit {code}")

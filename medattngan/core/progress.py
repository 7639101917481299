"""What people see of work that takes a while: a bar on a terminal, and a line now and then in a log file.

All of it goes to standard error, so that what a verb prints can be piped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeAlias

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from medattngan.core.terminal import say, terminal

LINE_SECONDS = 10.0
"""Between two lines where nobody looks at a terminal: a job on a cluster writes 360 an hour."""

Advance: TypeAlias = Callable[[int], None]
"""Takes how many more are done."""
Watch: TypeAlias = Callable[[str, int], Advance]
"""Begins a part of a work, by its name and how many there are to do."""


def unseen(name: str, total: int) -> Advance:
    """The watch of a work that nobody looks at."""
    return uncounted


def uncounted(done: int) -> None:
    """Advance nothing."""


@contextmanager
def watching(shown: bool = True, every: float = LINE_SECONDS) -> Iterator[Watch]:
    """Show the parts of a work, each by what is done of how many and the time left.

    Args:
        shown: False for silence.
        every: seconds between two lines where standard error is no terminal. The last of a part is shown whenever it
            comes.

    >>> with watching(shown=False) as watch:
    ...     advance = watch("features", 100)
    ...     advance(8)
    """
    console = terminal(quiet=not shown)
    if not shown:
        yield unseen
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            yield lambda name, total: _bar(bar, name, total)
    else:
        told = _Told(every)
        yield lambda name, total: _lines(told, name, total)


def _bar(bar: Progress, name: str, total: int) -> Advance:
    task = bar.add_task(name, total=total)
    return lambda done: bar.update(task, advance=done)


def _lines(told: _Told, name: str, total: int) -> Advance:
    console, pace, count = terminal(), Pace(), 0

    def advance(done: int) -> None:
        nonlocal count
        count += done
        share = count / max(total, 1)
        left = pace.left(share)
        if told.is_due(share):
            say(console, "  ".join(part for part in (f"{name} {count} of {total}", left) if part))

    return advance


class ProgressLine:
    """How much of a work is done, what it says meanwhile, and the time left.

    Args:
        name: what is done, in a word: `training`.
        shown: False for silence.
        every: seconds between two lines where standard error is no terminal.
    """

    def __init__(self, name: str, shown: bool = True, every: float = LINE_SECONDS) -> None:
        self.name = name
        self.console = terminal(quiet=not shown)
        self._lines = shown and not self.console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not shown or self._lines,
        )
        self._task = self._bar.add_task(name, total=1.0, note="")
        self._pace, self._told = Pace(), _Told(every)

    def __enter__(self) -> ProgressLine:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, share: float, note: str = "") -> None:
        """Show that `share` (0 to 1) is done; `note` says what else is known."""
        share = min(share, 1.0)
        self._bar.update(self._task, completed=share, note=note)
        left = self._pace.left(share)
        if self._lines and self._told.is_due(share):
            say(self.console, "  ".join(part for part in (f"{self.name} {share * 100:.0f} %", note, left) if part))

    def say(self, message: str) -> None:
        """Print a line of its own."""
        say(self.console, message)


class _Told:
    """When a line was written last."""

    def __init__(self, every: float) -> None:
        self.every, self.at = every, float("-inf")

    def is_due(self, share: float) -> bool:
        """Whether one is to be written now: then it is taken for written."""
        now = time.monotonic()
        if now - self.at < self.every and share < 1:
            return False
        self.at = now
        return True


class Pace:
    """How long the rest takes, from what was done since it was first asked: a resumed work began before."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def left(self, share: float) -> str:
        """In words; empty where nothing can be said."""
        now = time.monotonic()
        self._began = self._began or (now, share)
        began, begun_with = self._began
        if share <= begun_with or share >= 1:
            return ""
        seconds = round((now - began) / (share - begun_with) * (1 - share))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"

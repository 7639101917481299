"""What people see of work that takes a while: a bar on a terminal, and a line now and then in a log file.

All of it goes to standard error, so that what a verb prints can be piped.
"""

from __future__ import annotations

import time
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from medattngan.core.terminal import say, terminal

LINE_SECONDS = 10.0
"""Between two lines where nobody looks at a terminal: a job on a cluster writes 360 an hour."""


class ProgressLine:
    """How much of a work is done, what it says meanwhile, and the time left.

    Args:
        name: what is done, in a word: `training`.
        shown: False for silence.
        every: seconds between two lines where standard error is no terminal.
    """

    def __init__(self, name: str, shown: bool = True, every: float = LINE_SECONDS) -> None:
        self.name, self.every = name, every
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
        self._began: tuple[float, float] | None = None
        self._told = float("-inf")

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
        now = time.monotonic()
        self._began = self._began or (now, share)  # a resumed work did not do its first part in this time
        if self._lines and (now - self._told >= self.every or share == 1.0):
            self._told = now
            parts = (f"{self.name} {share * 100:.0f} %", note, self._left(now, share))
            say(self.console, "  ".join(part for part in parts if part))

    def _left(self, now: float, share: float) -> str:
        assert self._began is not None
        began, begun_with = self._began
        if share <= begun_with or share == 1.0:
            return ""
        seconds = round((now - began) / (share - begun_with) * (1 - share))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"

    def say(self, message: str) -> None:
        """Print a line of its own."""
        say(self.console, message)

"""A verb in a process of its own, forked from this one, so that what takes seconds to import is imported already."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass

from medattngan.cli.app import main


@dataclass(frozen=True)
class Ended:
    """How a verb ended: its exit status (below 0: the signal that killed it), and what it said."""

    status: int
    said: str


class Forked:
    """`medattngan ARGUMENTS` under way.

    Args:
        room: no file may grow beyond so many bytes; None for no limit.
    """

    def __init__(self, *arguments: object, room: int | None = None) -> None:
        # A pipe: a limit on files does not cut it off. It holds 64 KiB, and no verb says more.
        self._said, says = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, from Python 3.12
            self.pid = os.fork()
        if self.pid == 0:
            status = 70
            with contextlib.suppress(BaseException):
                status = self._run([str(argument) for argument in arguments], room, says)
            os._exit(status)
        os.close(says)

    def _run(self, arguments: list[str], room: int | None, says: int) -> int:
        for number in (1, 2):
            os.dup2(says, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False, buffering=1) for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        sys.argv = ["medattngan", *arguments]
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    def signal(self, number: int) -> None:
        """Send a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def running(self) -> bool:
        """Whether it has not ended."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def wait(self, seconds: float = 300) -> Ended:
        """Its end."""
        until = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > until:
                self.signal(signal.SIGKILL)
            time.sleep(0.002)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with os.fdopen(self._said, encoding="utf-8", errors="replace") as said:
            return Ended(status, said.read())


def command(*arguments: object, room: int | None = None) -> Ended:
    """Run `medattngan ARGUMENTS` to its end."""
    return Forked(*arguments, room=room).wait()

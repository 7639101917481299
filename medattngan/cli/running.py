"""How a verb runs and ends: --verify, Ctrl+C, and what the machine refuses, each in one sentence with an exit status.

0    done
1    push: not every instance was stored; any verb: a fault of medattngan, with its traceback
2    a mistake that the message says how to mend: options, folders, no room on the disk, no memory
130  interrupted (Ctrl+C), 143 terminated (SIGTERM)
"""

from __future__ import annotations

import errno
import functools
import inspect
import multiprocessing
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from medattngan.core import openmp, terminal
from medattngan.core.files import NO_ROOM, UserError
from medattngan.core.seal import thorough

ALWAYS = ("audit", "export", "push")
"""What is judged or leaves the house is always read whole and compared with its seal first."""
OPENS_NOTHING = ("ingest", "demo", "plan", "reseal", "configs", "zoo")
GOES_ON = {
    "train": "run the same command with --resume to go on",
    "ingest": "run the same command again to go on; finished work is kept",
    "utility": "run the same command again to go on; finished work is kept",
    "push": "run the same command again to go on; the journal knows what was sent",
    "serve": "run the same command again; every acknowledged answer is stored",
    "demo": "remove its --out and run the same command again",
}
"""What to do after an interruption, by verb; any other has written nothing."""
ENDS_BY_ITSELF = ("serve",)
"""The web server answers what is in progress, and then lets SIGTERM do what it does."""
NOTHING_WRITTEN = "nothing was written; run the same command again"

VerifyOption = Annotated[
    bool,
    typer.Option("--verify", help="Read every file of every folder that is opened, and compare it with its seal."),
]


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends everything that Ctrl+C ends."""


_signalled: list[KeyboardInterrupt] = []
"""What the first signal raised. Libraries of other languages may raise an error of their own in its place: safetensors
makes a ValueError of it."""


def governed(verb: Callable[..., None]) -> Callable[..., None]:
    """`verb` with the option --verify, which says in a sentence that it was interrupted, and how to go on."""
    always = verb.__name__ in ALWAYS

    @functools.wraps(verb)
    def governed_verb(*args: Any, verify: bool = False, **kwargs: Any) -> None:
        if verb.__name__ in ENDS_BY_ITSELF and signal.getsignal(signal.SIGTERM) == _first:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            if verb.__name__ in openmp.COMPUTING:
                openmp.look()
            with thorough(verify or always):
                verb(*args, **kwargs)
        except (KeyboardInterrupt, Exception) as error:
            stop = error if isinstance(error, KeyboardInterrupt) else next(iter(_signalled), None)
            if stop is None:
                raise
            word, status = ("Terminated", 143) if isinstance(stop, Terminated) else ("Interrupted", 130)
            if _is_first_process():
                say(f"{word}; {GOES_ON.get(verb.__name__, NOTHING_WRITTEN)}.")
            raise SystemExit(status) from None

    if verb.__name__ not in (*ALWAYS, *OPENS_NOTHING):
        signature = inspect.signature(verb, eval_str=True)
        option = inspect.Parameter("verify", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=VerifyOption)
        governed_verb.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), option]
        )
        governed_verb.__annotations__ = {**verb.__annotations__, "verify": VerifyOption}
    return governed_verb


def _is_first_process() -> bool:
    """Whether this is the process that speaks, of those that torchrun, SLURM or a training itself started.

    All are interrupted at once. What they are is read from their environment, as PyTorch may not be imported yet.
    """
    given = (os.environ.get(name) for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))
    return next((number for number in given if number), "0") == "0"


def say(sentence: str) -> None:
    """One line on standard error, in red where that is a terminal; no word of it is taken for markup."""
    terminal.say(terminal.terminal(), f"medattngan: {sentence}", style="red")


@contextmanager
def ending_well() -> Iterator[None]:
    """Turn whatever the user or the machine's keeper can mend into one sentence and an exit status.

    The first Ctrl+C lets what is under way be put in order, a second ends the process at once.
    """
    _signalled.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _first)
    try:
        yield
    except KeyboardInterrupt as stop:
        say(f"Interrupted; {NOTHING_WRITTEN}.")
        sys.exit(143 if isinstance(stop, Terminated) else 130)
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        say(sentence)
        sys.exit(2)


def _first(number: int, frame: FrameType | None) -> NoReturn:
    # torchrun hands on what a terminal sent to all: that is no second Ctrl+C, and torchrun itself ends who stays.
    then = signal.SIG_IGN if "TORCHELASTIC_RUN_ID" in os.environ else _second
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, then)
    _signalled.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
    raise _signalled[0]


def _second(number: int, frame: FrameType | None) -> NoReturn:
    for child in multiprocessing.active_children():
        child.kill()
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h\n")  # a progress bar hides the cursor
    os._exit(128 + number)


def explain(error: Exception) -> str | None:
    """What went wrong and its cure in one sentence; None where it is a fault of ours.

    >>> explain(OSError(errno.ENOSPC, "No space left on device", "run"))
    'run cannot be written: No space left on device; free some space there, or give another --out.'
    """
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return "memory ran out; close other programs, or ask for less: fewer or smaller slices, or fewer --workers."
    if isinstance(error, sqlite3.OperationalError):
        return f"the study cannot be written ({error}); free some space there, and check that it may be written."
    if isinstance(error, OSError):
        return _of_the_system(error)
    return None


def _is_out_of_memory(error: Exception) -> bool:
    """PyTorch raises RuntimeError on the CPU, and a kind of it on a GPU."""
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("not enough memory", "can't allocate memory", "out of memory")
    )


_REASONS = {
    **dict.fromkeys(NO_ROOM, "cannot be written: {0}; free some space there, or give another --out"),
    errno.EROFS: "cannot be written: {0}; give another --out",
    errno.EACCES: "cannot be opened: {0}; change its permissions, or give another path",
    errno.EPERM: "cannot be opened: {0}; change its permissions, or give another path",
    errno.ENOENT: "does not exist; check the path",
    errno.ENOTDIR: "cannot be opened: {0}; check the path",
    errno.EISDIR: "is a folder where a file is needed; check the path",
    errno.EMFILE: "cannot be opened: {0}; raise the limit with ulimit -n 4096",
    errno.ENFILE: "cannot be opened: {0}; close other programs",
    errno.ENAMETOOLONG: "cannot be written: {0}; give a shorter name",
    errno.EIO: "cannot be read or written: {0}; check the disk, and copy the folder to another",
}


def _of_the_system(error: OSError) -> str | None:
    """An error of the operating system; None where it names neither a file nor a reason that we know."""
    reason = _REASONS.get(error.errno or 0)
    where = error.filename2 or error.filename
    if where is None and reason is None:
        return None
    reason = reason or "cannot be used: {0}; check that it exists, has room, and may be written"
    # Of the system: Arrow tells much of itself in strerror.
    said = os.strerror(error.errno) if error.errno in _REASONS else error.strerror
    return f"{'a file' if where is None else where} {reason.format(said)}."

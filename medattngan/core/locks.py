"""One process at a time writes to an --out. The lock dies with its process, so that none is left behind by a kill.

The lock is on the hidden file .NAME.lock beside NAME (flock(2); on Windows a lock of its first byte), which is removed
when the work is done. The package filelock would leave it there for good.
"""

from __future__ import annotations

import errno
import functools
import inspect
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from medattngan.core.files import UserError

P = ParamSpec("P")
R = TypeVar("R")
_PART = re.compile(r"\..+\.\d+\.part")
"""The names that `atomic_path` and `atomic_folder` give to what is half made; the number is that of the process."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems answer that know no locks. There the old care has to do: nothing that exists is overwritten."""


_HELD: set[int] = set()
"""Descriptors of the locks of this process."""


def alone(verb: Callable[P, R]) -> Callable[P, R]:
    """Let `verb` run only if no other process writes to the path that its argument `out` names."""
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with only_writer(Path(signature.bind(*args, **kwargs).arguments["out"])):
            return verb(*args, **kwargs)

    return locked


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Hold the lock of `out`, and sweep up what processes that died left beside it.

    Raises:
        UserError: another process holds it.
    """
    out = out.resolve()
    made = [parent for parent in (out.parent, *out.parent.parents) if not parent.exists()]
    out.parent.mkdir(parents=True, exist_ok=True)
    path = lock_of(out)
    try:
        descriptor = _take(path, out)
        try:
            sweep(out)
            yield
        finally:
            _release(path, descriptor)
    finally:
        _remove_empty(made)


def lock_of(out: Path) -> Path:
    """The hidden file on which the lock of `out` is held."""
    return out.with_name(f".{out.name}.lock")


def sweep(out: Path) -> None:
    """Remove the half-made files and folders that were to become `out`.

    Who holds the lock of `out` knows that nobody is at work on them any more.
    """
    own = re.compile(re.escape(f".{out.name}.") + r"\d+\.part")  # not those of a neighbour that is called OUT.v2
    _remove_parts(part for part in out.parent.glob(".*.part") if own.fullmatch(part.name))


def sweep_inside(folder: Path) -> None:
    """Remove the half-made files in a folder that is written to bit by bit, under the lock of that folder."""
    _remove_parts(folder.rglob(".*.part"))


def _remove_parts(found: Iterable[Path]) -> None:
    for part in list(found):
        if _PART.fullmatch(part.name):
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


def _take(path: Path, out: Path) -> int:
    while True:
        descriptor, held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600), False
        try:
            held = _lock(descriptor)
            if not held:
                raise UserError(
                    f"another process is writing to {out}; wait until it has finished, or give another --out."
                )
            # The one before us removes the file when it is done: then this is a lock of nothing.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                _HELD.add(descriptor)
                return descriptor
        except BaseException:
            if held:
                path.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        os.close(descriptor)


def _let_go() -> None:
    """Close the locks that a forked process inherits: it may outlive who holds them."""
    for descriptor in _HELD:
        os.close(descriptor)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _lock(descriptor: int) -> bool:
    """Whether the lock was free, and is now ours."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in NO_LOCKS
    return True


def _release(path: Path, descriptor: int) -> None:
    if descriptor not in _HELD:  # a forked process: the lock is its parent's
        return
    _HELD.remove(descriptor)
    if sys.platform == "win32":  # An open file cannot be removed there; one that another has opened stays.
        os.close(descriptor)
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            return
        return
    path.unlink(missing_ok=True)
    os.close(descriptor)


def _remove_empty(folders: list[Path]) -> None:
    """Take back the parents that were made for the lock, where nothing came to lie in them."""
    for folder in folders:
        if not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()

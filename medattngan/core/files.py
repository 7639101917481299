"""Writing files and folders so that a reader sees the whole of one or nothing, and saying what went wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar


class UserError(Exception):
    """Something the user can mend. Its message is one sentence that names the file or key and the cure.

    The command line prints the message and exits with 2; a traceback is for our own mistakes only.
    """


def mistaken(given: object, wanted: str, call: str) -> UserError:
    """What to raise where an object of another kind was given: what it is, what is wanted, and the right call.

    >>> str(mistaken(3, "a run", 'mg.Run.open("run")'))
    'a run or its path is wanted, and this is of type int; give what mg.Run.open("run") returns, or its path.'
    """
    kind = type(given).__name__
    return UserError(
        f"{wanted} or its path is wanted, and this is of type {kind}; give what {call} returns, or its path."
    )


class Openable(Protocol):
    """A kind of folder that is opened by its path."""

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """What lies at `path`."""
        ...


T = TypeVar("T", bound=Openable)


def opened(kind: type[T], given: T | str | Path, wanted: str, call: str) -> T:
    """`given`, where it is of this kind and open already, or what lies at that path.

    Raises:
        UserError: it is neither, or cannot be opened.
    """
    if isinstance(given, kind):
        return given
    if not isinstance(given, str | Path):
        raise mistaken(given, wanted, call)
    return kind.open(given)


def unused(path: Path) -> Path:
    """`path`, or the first of NAME-2, NAME-3 … beside it where nothing is yet: a place to suggest.

    >>> unused(Path("not/there"))
    PosixPath('not/there')
    """
    number, found = 2, path
    while found.exists():
        number, found = number + 1, path.with_name(f"{path.name}-{number}")
    return found


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The file reaches the disk before the rename, so that a crash leaves the old file or the new one.

    Raises:
        OSError: it cannot be written. Its `filename` is `path`, also where the library that wrote named none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with naming(path, temporary):
            yield temporary
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNSAID = (
    *("requested and", "encoder error", "PytorchStreamWriter", "unexpected pos", "I/O error", "disk is full"),
    *(f"[Errno {number}]" for number in NO_ROOM),
)
"""How NumPy, Pillow, PyTorch, safetensors, SQLite and pydicom say that they could not write, without `errno`."""


@contextmanager
def naming(path: Path, temporary: Path) -> Iterator[None]:
    """Give whatever is raised because `temporary` could not be written the name that the user knows it by, `path`.

    Raises:
        OSError: with an `errno` and `path` as its `filename`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM and error.filename is None:
            error.filename = str(path)
        elif error.errno is None and any(words in str(error) for words in _UNSAID):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        elif error.filename is not None and str(error.filename).startswith(str(temporary)):
            error.filename = str(path) + str(error.filename).removeprefix(str(temporary))
        raise
    except Exception as error:  # PyTorch raises RuntimeError, safetensors its own.
        if not isinstance(error, UserError) and any(words in str(error) for words in _UNSAID):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically: sorted keys, so that equal values are equal bytes; NaN is an error."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as handle:
        # Piece by piece: the text of 50,000 entries, before it is joined, takes 40 MB.
        json.dump(value, handle, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        handle.write("\n")


def read_json(path: Path) -> Any:
    """Read `path`.

    Raises:
        UserError: it is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; is {path.parent} the right folder?") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); it was damaged or edited; create it again.") from None


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside `path`; rename it to `path` when the block ends without an error.

    Raises:
        UserError: `path` exists already and is not an empty folder. Nothing of the user's is overwritten.
        OSError: a file in it cannot be written; see `naming`.
    """
    path = path.resolve()
    require_absent(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        with naming(path, temporary):
            yield temporary
            if path.is_dir():
                path.rmdir()
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_absent(path: Path) -> None:
    """Refuse to write over something.

    Raises:
        UserError: `path` exists and is not an empty folder.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f"{path} exists already; give another --out or remove it first.")


def digest(*paths: Path) -> str:
    """SHA-256 over the bytes of `paths` in the order given, as 64 hex digits."""
    sha = hashlib.sha256()
    for path in paths:
        with path.open("rb") as handle:
            while block := handle.read(1 << 20):
                sha.update(block)
    return sha.hexdigest()

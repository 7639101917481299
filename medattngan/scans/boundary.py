"""The one place where whatever a reader raises becomes the reason why a file is set aside.

Readers are foreign code: pydicom, nibabel, Pillow, tifffile, codecs in C and Rust, formats of other packages. On a
damaged file they raise what they like, BaseExceptions included (a panic in Rust, SystemExit). None of it may end
the work on other files, and none of its words may be kept: they may quote the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medattngan.scans.series import REASONS, SetAside


@contextmanager
def guarded() -> Iterator[None]:
    """Turn whatever the block raises into SetAside, with the class of what was raised for its cause.

    Ctrl+C of the user passes.

    >>> try:
    ...     with guarded():
    ...         raise SystemExit(3)
    ... except SetAside as error:
    ...     print(error.reason, error.cause)
    unreadable SystemExit
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise verdict(error) from None


def verdict(error: BaseException) -> SetAside:
    """Why a file is set aside of which a reader raised `error`, or raised something that `error` was caused by.

    Want of memory goes by another name in torch, which raises RuntimeError, and may be hidden by whoever met it first.
    """
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for one in chain:
        if isinstance(one, SetAside):  # a reason of no table may be text of the file
            return SetAside(one.reason if one.reason in REASONS else "unreadable", one.cause)
    if any(_is_want_of_memory(one) for one in chain):
        return SetAside("too-large", "MemoryError")
    return SetAside("unreadable", type(chain[-1] if error.__cause__ is not None else error).__name__)


def _is_want_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (type(error) is RuntimeError and "can't allocate memory" in str(error))

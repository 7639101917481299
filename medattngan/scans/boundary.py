"""The one place where whatever a reader raises becomes the reason why a file is set aside.

Readers are foreign code: pydicom, nibabel, Pillow, tifffile, codecs in C and Rust, formats of other packages. On a
damaged file they raise what they like, BaseExceptions included (a panic in Rust, SystemExit). None of it may end
the work on other files, and none of its words may be kept: they may quote the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medattngan.scans.series import REASONS, SetAside, name_of

TOO_LARGE = {"MemoryError", "TooLargeError", "DecompressionBombError"}
"""What is raised, by whatever name, where a file asks for more memory than it may."""


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
    aside = next((one for one in chain if isinstance(one, SetAside)), None)
    names = {type(one).__name__ for one in chain} | ({aside.cause} if aside is not None else set())
    if names & TOO_LARGE or any("can't allocate memory" in str(one) for one in chain if type(one) is RuntimeError):
        return SetAside("too-large", "")
    if aside is not None:  # a reason of no table may be text of the file
        return SetAside(aside.reason if aside.reason in REASONS else "unreadable", aside.cause)
    return SetAside("unreadable", name_of(chain[-1] if error.__cause__ is not None else error))

"""Let the C library keep the memory of one round for the next.

A round allocates and frees the same tensors again and again. glibc gives what it frees at the top of the heap back to
the kernel, and takes large blocks from the kernel each time: thousands of pages a round that the kernel has to clear
and map anew. Two thresholds decide it (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD); docs/benchmarks/training.md
has what raising them brings and what memory it takes.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's malloc.h."""
THRESHOLDS = {M_MMAP_THRESHOLD: (1 << 30, 1 << 25), M_TRIM_THRESHOLD: ((1 << 31) - 1,)}
"""Bytes: from where a block gets a mapping of its own, of which older versions take 32 MB at most; and how much may lie
free at the top of the heap."""
DEFAULT_THRESHOLD = 128 << 10
"""Of both, in bytes, as mallopt(3) has it."""
KEPT = "glibc, freed memory kept"
OTHERS = ("jemalloc", "tcmalloc", "mimalloc")
_said = {"allocator": "as the system has it"}


def told() -> str:
    """What `keep_freed_memory` found or did in this process."""
    return _said["allocator"]


def keep_freed_memory() -> None:
    """Raise both thresholds for the whole process.

    Does nothing where the library is not glibc, where another allocator was put in its place, or where the user has
    set thresholds already (MALLOC_MMAP_THRESHOLD_ and others, GLIBC_TUNABLES).
    """
    if not _is_glibc():
        return
    if by_user(os.environ):
        _said["allocator"] = "as the user has it"
        return
    library = ctypes.CDLL(None)
    if all(any(library.mallopt(number, size) for size in sizes) for number, sizes in THRESHOLDS.items()):
        _said["allocator"] = KEPT


def give_back_freed_memory() -> None:
    """Undo `keep_freed_memory` in a process that was forked from one that called it.

    A large block then is new memory again, which whoever bounds a process's memory sees.
    """
    if told() != KEPT:
        return
    library = ctypes.CDLL(None)
    for number in THRESHOLDS:
        library.mallopt(number, DEFAULT_THRESHOLD)
    library.malloc_trim(0)


def by_user(environment: Mapping[str, str]) -> bool:
    """Whether the user has a say in how memory is allocated.

    >>> by_user({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}), by_user({"MALLOC_ARENA_MAX": "2"})
    (True, False)
    """
    thresholds = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_")
    if any(name in environment for name in thresholds) or "glibc.malloc" in environment.get("GLIBC_TUNABLES", ""):
        return True
    return any(name in environment.get("LD_PRELOAD", "") for name in OTHERS)


def _is_glibc() -> bool:
    return sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")

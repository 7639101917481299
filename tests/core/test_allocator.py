"""Freed memory is kept for the next round on glibc, unless the user has a say in it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from medattngan.core.allocator import by_user

glibc = pytest.mark.skipif(
    not (sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")),
    reason="only glibc has these thresholds",
)

FAULTS = """
import ctypes, resource
from medattngan.core import allocator
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
SIZE = 48 << 20
allocator.keep_freed_memory()
def once():
    block = libc.malloc(SIZE)
    ctypes.memset(block, 1, SIZE)
    libc.free(block)
once()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    once()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, allocator.told(), sep=";")
"""
HUGE_PAGES = (48 << 20) // (2 << 20)
"""The fewest faults in which the kernel can map one block."""


def faults(**given: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    count, said = subprocess.check_output([sys.executable, "-c", FAULTS], env=clean | given, text=True).split(";")
    return int(count), said.strip()


@glibc
def test_memory_that_was_freed_once_is_not_asked_of_the_kernel_again() -> None:
    count, said = faults()
    assert count < HUGE_PAGES
    assert said == "glibc, freed memory kept"


@glibc
def test_thresholds_of_the_user_stay() -> None:
    count, said = faults(MALLOC_MMAP_THRESHOLD_="1048576")
    assert count >= 4 * HUGE_PAGES
    assert said == "as the user has it"


@pytest.mark.parametrize(
    ("environment", "has"),
    [
        ({}, False),
        ({"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=1000"}, True),
        ({"GLIBC_TUNABLES": "glibc.rtld.nns=2"}, False),
        ({"LD_PRELOAD": "/usr/lib/libtcmalloc_minimal.so.4"}, True),
        ({"LD_PRELOAD": "/usr/lib/libfake.so"}, False),
    ],
)
def test_the_user_has_a_say_by_thresholds_tunables_or_another_allocator(environment: dict[str, str], has: bool) -> None:
    assert by_user(environment) is has

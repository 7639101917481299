"""A disk of a few kilobytes: a file system in memory (tmpfs), mounted for the time of a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LEAST = 8 * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 32768
"""A root, a lock and a file or two; what is smaller holds nothing at all."""


@contextmanager
def small_disk(at: Path, room: int) -> Iterator[None]:
    """`at`, a new folder, is a disk of `room` bytes; the test is skipped where nothing may be mounted."""
    at.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if sys.platform != "linux" or mount is None or unmount is None:
        pytest.skip("a small disk is a tmpfs, which only Linux has")
    options = f"size={max(room, LEAST)},mode=700"
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", at], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here, which takes root: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([unmount, "--lazy", at], check=True)

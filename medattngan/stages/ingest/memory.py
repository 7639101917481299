"""How much memory a process has, and may have. Linux refuses what is too much; elsewhere only the watcher sees it."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

LINUX = sys.platform == "linux"
PAGE = 4096
STALE_S = 0.05
"""What a process had so short a while ago, it has."""

if sys.platform != "win32":
    import resource

    PAGE = resource.getpagesize()


class _Had:
    """When this process last looked what it had, and what that was: resident bytes, and bytes of data."""

    at = -math.inf
    pages = (0, 0)
    allowed = math.inf


def allow(more: float) -> float:
    """Let this process have `more` bytes beyond what it has; on Linux, what is beyond raises MemoryError.

    Returns:
        How many resident bytes that makes in all, for who watches from without; infinite where nobody can.
    """
    if sys.platform == "win32":
        return math.inf
    now = time.monotonic()
    stale = now - _Had.at > STALE_S
    if stale:
        _Had.at, _Had.pages = now, _pages("self") if LINUX else (_peak(), 0)
    resident, data = _Had.pages
    if LINUX and (stale or more != _Had.allowed):
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = resource.RLIM_INFINITY if math.isinf(more) else data + int(more)
        if most != resource.RLIM_INFINITY:
            wanted = most if wanted == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))
        _Had.allowed = more
    return resident + more


def resident(pid: int) -> float:
    """Resident bytes of another process; 0 where it is gone or nobody can say (Windows)."""
    if sys.platform == "win32":
        return 0
    if LINUX:
        try:
            return _pages(str(pid))[0]
        except (OSError, ValueError, IndexError):
            return 0
    answer = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(answer.stdout.strip() or 0) * 1024


def _pages(pid: str) -> tuple[int, int]:
    """Resident bytes, and bytes of data and stack (proc(5), statm)."""
    fields = Path(f"/proc/{pid}/statm").read_bytes().split()
    return int(fields[1]) * PAGE, int(fields[5]) * PAGE


def _peak() -> int:
    """macOS tells bytes, and of the past at that: good enough for where counting begins."""
    return 0 if sys.platform == "win32" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

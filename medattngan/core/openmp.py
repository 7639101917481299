"""How the threads of PyTorch wait for each other, and how many they are; settled before PyTorch is loaded.

Every parallel operation ends with its threads waiting for the slowest. GNU's OpenMP, which PyTorch's Linux wheels
bring, lets the others spin for some milliseconds first, 300,000 turns of a loop (libgomp manual, GOMP_SPINCOUNT).
Where another program wants a core too, a spinning thread burns the time in which the slow one could run; where none
does, a sleeping one has to be woken. So the machine is looked at. docs/benchmarks/training.md has what each costs.

Only standard modules are imported here: whatever loads PyTorch would come too late.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path

COMPUTING = ("train", "sample", "explain", "explore", "encoder", "evaluate", "audit", "utility", "demo")
"""The verbs whose time is PyTorch's."""
GLANCES = 4
GLANCE_S = 0.05
"""A machine is busy where other programs are seen at every one of so many glances, each so many seconds long."""
BUSY_CORES = 0.4
"""Cores in use by others from which a glance counts: a program that never rests is seen as 0.8 to 1.0."""
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
COUNTING = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS")
CHOSEN = "MEDATTNGAN_CHOSE"
"""Which of these variables we set ourselves; a process that this one starts then knows that no user did."""


def settle(environment: MutableMapping[str, str] | None = None, cores: int | None = None) -> None:
    """Set, where the user has not, no more threads than the container may run at once.

    Does nothing where PyTorch is loaded already, or where OpenMP is not GNU's (other systems than Linux).

    Args:
        environment: what to set; this process's own by default.
        cores: the share of the machine that is this process's; what the system says by default.

    >>> wishes = {}
    >>> settle(wishes, cores=2)
    >>> wishes["OMP_NUM_THREADS"]
    '2'
    """
    if environment is None and not _in_time():
        return
    given = os.environ if environment is None else environment
    limit = cores or allowed_cores()
    if limit is not None and not any(name in given for name in COUNTING):
        _choose(given, "OMP_NUM_THREADS", str(limit))


def look(environment: MutableMapping[str, str] | None = None, stat: Path = Path("/proc/stat")) -> None:
    """Let waiting threads sleep where other programs use the machine, unless the user has said how they wait.

    Takes GLANCES · GLANCE_S seconds on a busy machine, one glance on a quiet one, and none where one thread computes.
    How threads wait changes no result. Does nothing where PyTorch is loaded already or OpenMP is not GNU's.

    Args:
        environment: what to set; this process's own by default.
        stat: the kernel's counts of each core's time (Linux, proc_stat(5)).
    """
    if environment is None and not _in_time():
        return
    given = os.environ if environment is None else environment
    alone = given.get("OMP_NUM_THREADS", str(_visible())) == "1"
    if alone or any(name in given for name in WAITING):
        return
    if all(_cores_in_use(stat) >= BUSY_CORES for _ in range(GLANCES)):
        _choose(given, "OMP_WAIT_POLICY", "passive")


def _in_time() -> bool:
    return "torch" not in sys.modules and sys.platform.startswith("linux")


def _choose(given: MutableMapping[str, str], name: str, value: str) -> None:
    given.update({name: value, CHOSEN: " ".join(sorted({*given.get(CHOSEN, "").split(), name}))})


def _cores_in_use(stat: Path) -> float:
    """Cores that were not idle during a glance, of those that this process may run on; it sleeps meanwhile."""
    before = _ticks(stat)
    time.sleep(GLANCE_S)
    used = 0.0
    for core, (idle, whole) in _ticks(stat).items():
        idle_before, whole_before = before.get(core, (idle, whole))
        if whole > whole_before:
            used += 1 - (idle - idle_before) / (whole - whole_before)
    return used


def _ticks(stat: Path) -> dict[int, tuple[int, int]]:
    """Idle and all ticks of each core since the machine started; nothing where the kernel does not say."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
    found = {}
    try:
        for line in stat.read_text().splitlines():
            name, *numbers = line.split()
            if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in mine:
                counts = [int(number) for number in numbers[:8]]  # guest time is in user time already
                found[int(name[3:])] = (counts[3] + counts[4], sum(counts))
    except (OSError, ValueError, IndexError):
        return {}
    return found


def allowed_cores(root: Path = Path("/sys/fs/cgroup"), visible: int | None = None) -> int | None:
    """Cores' worth of time that a container is given, where that is less than the cores it sees; else None.

    PyTorch starts a thread a core it sees. Beyond a quota of the kernel's (Linux, cgroup-v2.rst, cpu.max; v1,
    cfs_quota_us) all are halted together for the rest of every tenth of a second.
    """
    seen = visible or _visible()
    quota, period = _quota(root)
    if quota <= 0 or period <= 0:
        return None
    cores = max(1, math.ceil(quota / period))
    return cores if cores < seen else None


def _quota(root: Path) -> tuple[float, float]:
    """Quota and period; zeros where there is no limit or none that can be read."""
    try:
        if (root / "cpu.max").is_file():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota, period = ((root / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return (0.0, 0.0) if quota.strip() in ("max", "-1") else (float(quota), float(period))
    except (OSError, ValueError):
        return 0.0, 0.0


def share(processes: int) -> int | None:
    """Divide the cores among the processes of a training on this machine, unless the user has said how many threads.

    Returns:
        The threads of each, set for this process's children; None where they are the user's.
    """
    chosen = set(os.environ.get(CHOSEN, "").split())
    if any(name in os.environ and name not in chosen for name in COUNTING):
        return None
    each = max(1, (allowed_cores() or _visible()) // processes)
    _choose(os.environ, "OMP_NUM_THREADS", str(each))
    return each


def _visible() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def told(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which settings of OpenMP are in force, and whether they are the user's or chosen here.

    >>> told({"OMP_WAIT_POLICY": "passive", "MEDATTNGAN_CHOSE": "OMP_WAIT_POLICY", "OMP_NUM_THREADS": "4"})
    {'OMP_WAIT_POLICY': 'passive (chosen)', 'OMP_NUM_THREADS': '4 (given)'}
    """
    given = os.environ if environment is None else environment
    chosen = given.get(CHOSEN, "").split()
    return {
        name: f"{given[name]} ({'chosen' if name in chosen else 'given'})"
        for name in (*WAITING, *COUNTING)
        if name in given
    }

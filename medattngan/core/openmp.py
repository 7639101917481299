"""How the threads of PyTorch wait for each other, and how many they are; settled before PyTorch is loaded.

Every parallel operation ends with its threads waiting for the slowest. GNU's OpenMP, which PyTorch's Linux wheels
bring, lets the others spin for some milliseconds first, 300,000 turns of a loop (libgomp manual, GOMP_SPINCOUNT).
Where another program wants a core too, a spinning thread burns the time in which the slow one could run.
docs/benchmarks/training.md has what each choice costs.

Only standard modules are imported here: whatever loads PyTorch would come too late.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

SPIN_TURNS = 100_000
"""Turns of the loop before a waiting thread sleeps: a third of OpenMP's own. With a hundredth of this a quiet machine
lost a fifth of its speed (docs/benchmarks/training.md)."""
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
COUNTING = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS")
CHOSEN = "MEDATTNGAN_CHOSE"
"""Which of these variables we set ourselves; a process that this one starts then knows that no user did."""


def settle(environment: MutableMapping[str, str] | None = None, cores: int | None = None) -> None:
    """Set what the user has not: how long threads spin, and no more threads than the container may run at once.

    Does nothing where PyTorch is loaded already, or where OpenMP is not GNU's (other systems than Linux).

    Args:
        environment: what to set; this process's own by default.
        cores: the share of the machine that is this process's; what the system says by default.

    >>> wishes = {"OMP_WAIT_POLICY": "active"}
    >>> settle(wishes, cores=2)
    >>> wishes["OMP_WAIT_POLICY"], wishes["OMP_NUM_THREADS"], "GOMP_SPINCOUNT" in wishes
    ('active', '2', False)
    """
    own = environment is None
    if own and ("torch" in sys.modules or not sys.platform.startswith("linux")):
        return
    given = os.environ if environment is None else environment
    chosen = {}
    if not any(name in given for name in WAITING):
        chosen["GOMP_SPINCOUNT"] = str(SPIN_TURNS)
    limit = cores or allowed_cores()
    if limit is not None and not any(name in given for name in COUNTING):
        chosen["OMP_NUM_THREADS"] = str(limit)
    if chosen:
        given.update({**chosen, CHOSEN: " ".join(sorted(chosen))})


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
    os.environ.update({"OMP_NUM_THREADS": str(each), CHOSEN: " ".join(sorted(chosen | {"OMP_NUM_THREADS"}))})
    return each


def _visible() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def told(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which settings of OpenMP are in force, and whether they are the user's or chosen here.

    >>> told({"GOMP_SPINCOUNT": "9", "MEDATTNGAN_CHOSE": "GOMP_SPINCOUNT", "OMP_NUM_THREADS": "4"})
    {'GOMP_SPINCOUNT': '9 (chosen)', 'OMP_NUM_THREADS': '4 (given)'}
    """
    given = os.environ if environment is None else environment
    chosen = given.get(CHOSEN, "").split()
    return {
        name: f"{given[name]} ({'chosen' if name in chosen else 'given'})"
        for name in (*WAITING, *COUNTING)
        if name in given
    }

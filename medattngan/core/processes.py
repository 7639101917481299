"""Processes of ours beside this one, which end with it, and those of a Dask cluster."""

from __future__ import annotations

import os
import threading
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING

from medattngan.core.files import UserError

if TYPE_CHECKING:
    from distributed import Client


def end_with_parent() -> None:
    """End this process no later than the one that started it, which may be killed and say nothing."""
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def dask_client(address: str) -> Client:
    """The cluster whose scheduler is at `address`.

    Raises:
        UserError: Dask is not installed, or no scheduler is there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UserError("--cluster needs Dask; install it with: pip install 'medattngan[cluster]'") from None
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError):
        raise UserError(f"--cluster {address}: no Dask scheduler answers there; give one as tcp://HOST:8786.") from None

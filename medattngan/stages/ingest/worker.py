"""What a worker process does: settle down, and make the shards of its jobs."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom
import torch

from medattngan.stages.ingest.jobs import Job

CHATTY = ("pydicom", "nibabel.global", "tifffile", "PIL", "monai")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries from warning: what they quote of a damaged header may identify a patient."""
    mode = pydicom.config.settings.reading_validation_mode
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            pydicom.config.settings.reading_validation_mode = mode
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def start_worker() -> None:
    """Settle a new worker process: one thread, and no word from any library."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def start_own_worker() -> None:
    """Settle a process of this ingest's own pool. Ctrl+C reaches it too, and is left to whoever has the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_worker()


def run_job(job: Job) -> int:
    """Make the shard of `job`; how many series that were."""
    # MONAI takes seconds to import, and with several workers only they need it.
    from medattngan.stages.ingest.shards import write_shard

    write_shard(job)
    return len(job.series)

"""Batches of series, the unit that worker processes take and that an interrupted ingest need not repeat."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
import torch

from medattngan.data.options import Options
from medattngan.data.pieces import Series

BATCH_WEIGHT = 16.0
WEIGHTS = {"dicom": 1.0, "volume": 4.0, "picture": 0.25}
"""What a piece weighs. A batch closes at BATCH_WEIGHT: enough work to be worth a file, little enough to share out."""

CHATTY = ("pydicom", "nibabel.global", "tifffile", "PIL", "monai")


@dataclass(frozen=True)
class Job:
    """A batch of series and where its shard goes."""

    number: int
    series: tuple[Series, ...]
    options: Options
    folder: Path

    @property
    def codes_path(self) -> Path:
        return self.folder / f"shard-{self.number:05d}.npy"

    @property
    def records_path(self) -> Path:
        return self.folder / f"shard-{self.number:05d}.json"


def batches(series: Sequence[Series], options: Options, folder: Path) -> list[Job]:
    """Cut `series` into jobs, in order. The same series make the same jobs, so that shards can be found again."""
    jobs: list[Job] = []
    batch: list[Series] = []
    weight = 0.0
    for one in series:
        batch.append(one)
        weight += WEIGHTS[one.reader] * len(one.pieces)
        if weight >= BATCH_WEIGHT:
            jobs.append(Job(len(jobs), tuple(batch), options, folder))
            batch, weight = [], 0.0
    if batch:
        jobs.append(Job(len(jobs), tuple(batch), options, folder))
    return jobs


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


def run_job(job: Job) -> int:
    """Make the shard of `job`; how many series that were."""
    # MONAI takes seconds to import, and with several workers only they need it.
    from medattngan.data.shards import write_shard

    write_shard(job)
    return len(job.series)

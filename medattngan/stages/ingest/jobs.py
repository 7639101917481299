"""Batches of series, the unit that worker processes take and that an interrupted ingest need not repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medattngan.scans.formats.table import formats
from medattngan.scans.options import Options
from medattngan.scans.series import Series

BATCH_WEIGHT = 16.0
"""A batch closes at so many DICOM slices' work: enough to be worth a file, little enough to share out."""


@dataclass(frozen=True)
class Lost:
    """What ended the process that read it: a file of the series at this place in the batch, or all of the series."""

    series: int
    file: Path | None
    reason: str
    cause: str = ""


@dataclass(frozen=True)
class Job:
    """A batch of series, where its shard goes, and what of the series is not to be touched again."""

    number: int
    series: tuple[Series, ...]
    options: Options
    folder: Path
    lost: tuple[Lost, ...] = ()

    @property
    def codes_path(self) -> Path:
        return self.folder / f"shard-{self.number:05d}.npy"

    @property
    def masks_path(self) -> Path:
        return self.folder / f"shard-{self.number:05d}-masks.npy"

    @property
    def records_path(self) -> Path:
        return self.folder / f"shard-{self.number:05d}.json"


def batches(series: Sequence[Series], options: Options, folder: Path) -> list[Job]:
    """Cut `series` into jobs, in order. The same series make the same jobs, so that shards can be found again."""
    jobs: list[Job] = []
    batch: list[Series] = []
    weight, kinds = 0.0, formats()
    for one in series:
        batch.append(one)
        weight += kinds[one.format].weight * len(one.pieces)
        if weight >= BATCH_WEIGHT:
            jobs.append(Job(len(jobs), tuple(batch), options, folder))
            batch, weight = [], 0.0
    if batch:
        jobs.append(Job(len(jobs), tuple(batch), options, folder))
    return jobs

"""One batch of series → one shard on disk: what a worker process does.

    shard-00012.npy    (slices, size, size) uint16 codes
    shard-00012.json   one record a series, in the order of the batch; written last, so its presence says: done

A shard knows its series by their place in the batch. It holds no word of the source.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import torch

from medattngan.data.intensity import CODE_MAX
from medattngan.data.pieces import Series, SetAside
from medattngan.data.transforms import Options, Prepared, prepare
from medattngan.files import atomic_path, write_json
from medattngan.types import Codes

BATCH_WEIGHT = 16.0
WEIGHTS = {"dicom": 1.0, "volume": 8.0, "picture": 0.25}
"""What a piece weighs. A batch closes at BATCH_WEIGHT: enough work to be worth a file, little enough to share out."""

BLANK_STEP = 0.05
BLANK_SHARE = 0.02
"""A slice is blank when less than this share of it differs from its median by BLANK_STEP of the map's range."""

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
    """Prepare every series of `job` and write its shard; how many series that were."""
    records: list[dict[str, Any]] = []
    kept: list[Codes] = []
    for series in job.series:
        try:
            prepared = prepare(series, job.options)
        except SetAside as error:
            reasons = [(i, error.reason) for i in range(len(series.pieces))]
            records.append({"slices": [], "set_aside": reasons})
            continue
        keep = ~is_blank(prepared.codes)
        kept.append(prepared.codes[keep])
        records.append(_record(prepared, keep.tolist()))
    empty = np.empty((0, job.options.size, job.options.size), np.uint16)
    with atomic_path(job.codes_path) as temporary, temporary.open("wb") as handle:
        np.save(handle, np.concatenate([empty, *kept]), allow_pickle=False)
    write_json(job.records_path, records)
    return len(job.series)


def is_blank(codes: Codes) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which slices (count, H, W) have next to nothing on them.

    >>> is_blank(np.stack([np.full((8, 8), 700, np.uint16), np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000]))
    array([ True, False])
    """
    flat = codes.reshape(len(codes), -1).astype(np.int32)
    far = np.abs(flat - np.median(flat, axis=1, keepdims=True)) > BLANK_STEP * CODE_MAX
    blank: np.ndarray[Any, np.dtype[np.bool_]] = far.mean(axis=1) < BLANK_SHARE
    return blank


def _record(prepared: Prepared, keep: Sequence[bool]) -> dict[str, Any]:
    slices = list(zip(prepared.positions_mm, prepared.digests, prepared.sources, strict=True))
    return {
        "map": prepared.map.to_dict(),
        "scheme": prepared.scheme,
        "plane": prepared.plane,
        "spacing_mm": _number(prepared.spacing_mm),
        "slices": [
            [_number(mm), digest, source] for (mm, digest, source), k in zip(slices, keep, strict=True) if k
        ],
        "set_aside": [
            *prepared.set_aside,
            *((s, "blank") for (_, _, s), k in zip(slices, keep, strict=True) if not k),
        ],
    }


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if value != value else value

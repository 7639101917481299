"""One batch of series → one shard on disk: what a worker process does.

    shard-00012.npy    (slices, size, size) uint16 codes
    shard-00012-masks.npy   (slices, size, size) uint8, where a series has masks: numbers of its own classes
    shard-00012.json   one record a series, in the order of the batch; written last, so its presence says: done

A shard knows its series by their place in the batch. It holds no word of the source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.files import atomic_path, write_json
from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX
from medattngan.data.masks import UNKNOWN, Masks
from medattngan.scans.masks.along import Masked
from medattngan.scans.options import BLANK_SHARE, BLANK_STEP, Options
from medattngan.scans.prepare import Prepared, prepare
from medattngan.scans.series import Series, SetAside
from medattngan.stages.ingest.jobs import Job, Lost


def write_shard(job: Job, at: Callable[[int], None] = lambda number: None) -> None:
    """Prepare every series of `job` and write its shard; `at` is told which one is begun, and -1 when none is left."""
    records: list[dict[str, Any]] = []
    kept: list[Codes] = []
    masks: list[Masks] = []
    for number, series in enumerate(job.series):
        at(number)
        try:
            prepared = _without(series, [one for one in job.lost if one.series == number], job.options)
        except SetAside as error:
            reasons = [(i, error.reason, error.cause) for i in range(len(series.pieces))]
            records.append({"slices": [], "set_aside": reasons})
            continue
        keep = ~is_blank(prepared.codes)
        kept.append(prepared.codes[keep])
        masks.append(_masks(prepared)[keep])
        records.append(_record(prepared, keep.tolist()))
    at(-1)
    empty = np.empty((0, job.options.size, job.options.size), np.uint16)
    with atomic_path(job.codes_path) as temporary, temporary.open("wb") as handle:
        np.save(handle, np.concatenate([empty, *kept]), allow_pickle=False)
    if any(series.mask is not None for series in job.series):
        none = np.empty((0, job.options.size, job.options.size), np.uint8)
        with atomic_path(job.masks_path) as temporary, temporary.open("wb") as handle:
            np.save(handle, np.concatenate([none, *masks]), allow_pickle=False)
    write_json(job.records_path, records)


def _masks(prepared: Prepared) -> Masks:
    """The masks of all slices, UNKNOWN where there are none."""
    masks = prepared.masked.masks
    return np.full(prepared.codes.shape, UNKNOWN, np.uint8) if masks is None else masks


def _without(series: Series, lost: Sequence[Lost], options: Options) -> Prepared:
    """Prepare a series but for the files that ended a process.

    Raises:
        SetAside: nothing is left of it, or nothing of it can be used.
    """
    if not lost:
        return prepare(series, options)
    why = {one.file: (one.reason, one.cause) for one in lost}
    left = [i for i, piece in enumerate(series.pieces) if piece.path not in why]
    if None in why or not left:
        raise SetAside(*next(iter(why.values())))
    prepared = prepare(replace(series, pieces=tuple(series.pieces[i] for i in left)), options)
    aside = [(left[i] if i >= 0 else i, reason, cause) for i, reason, cause in prepared.set_aside]
    aside += [(i, *why[piece.path]) for i, piece in enumerate(series.pieces) if piece.path in why]
    return replace(prepared, sources=[left[i] if i >= 0 else i for i in prepared.sources], set_aside=aside)


def is_blank(codes: Codes) -> npt.NDArray[np.bool_]:
    """Which slices (count, H, W) have next to nothing on them.

    >>> ramp = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    >>> is_blank(np.stack([np.full((8, 8), 700, np.uint16), ramp]))
    array([ True, False])
    """
    flat = codes.reshape(len(codes), -1).astype(np.int32)
    far = np.abs(flat - np.median(flat, axis=1, keepdims=True)) > BLANK_STEP * CODE_MAX
    blank: npt.NDArray[np.bool_] = far.mean(axis=1) < BLANK_SHARE
    return blank


def _record(prepared: Prepared, keep: Sequence[bool]) -> dict[str, Any]:
    slices = list(zip(prepared.positions_mm, prepared.digests, prepared.sources, strict=True))
    return {
        "map": prepared.map.to_dict(),
        "scheme": prepared.scheme,
        "plane": prepared.plane,
        "spacing_mm": _number(prepared.spacing_mm),
        "masked": prepared.boxes,
        "mask": _mask(prepared.masked),
        "slices": [[_number(mm), digest, source] for (mm, digest, source), k in zip(slices, keep, strict=True) if k],
        "set_aside": [
            *prepared.set_aside,
            *((s, "blank") for (_, _, s), k in zip(slices, keep, strict=True) if not k),
        ],
    }


def _mask(masked: Masked) -> dict[str, Any]:
    """What became of the mask of a series."""
    return {"used": masked.masks is not None, "classes": list(masked.classes), "reason": masked.reason}


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if value != value else value

"""Masks on their way from shards to the store: the classes of all series become one table, and masks count by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from medattngan.core.files import UserError
from medattngan.data.masks import BACKGROUND, MOST_CLASSES, Classes, Masks, MaskWriter
from medattngan.scans.find import Found
from medattngan.scans.series import MaskFile, Series
from medattngan.stages.ingest.jobs import Job

MASK = "mask"
"""What `provenance.json` calls the format of a file that was read as a mask."""


def mask_files(series: Sequence[Series], alone: Sequence[tuple[MaskFile, str]]) -> list[Found]:
    """The files of masks, as what was found: those of a series, and with the reason those of none."""
    used = [Found(one.mask.path, one.mask.relative, MASK) for one in series if one.mask is not None]
    return [*used, *(Found(mask.path, mask.relative, MASK, reason=reason) for mask, reason in alone)]


def masks_asked(jobs: Sequence[Job]) -> dict[str, Any]:
    """What provenance says of the masks that were asked for; nothing where none was."""
    if not any(series.mask is not None for job in jobs for series in job.series):
        return {}
    return {"masks": {"resize": "nearest", "classes": [list(one) for one in jobs[0].options.classes] or "all"}}


class Stored(Protocol):
    """A series in its shard."""

    @property
    def masks(self) -> Path:
        """The masks of the shard."""
        ...

    @property
    def start(self) -> int:
        """Where its slices begin there."""
        ...

    @property
    def record(self) -> dict[str, Any]:
        """Its record."""
        ...


def table_of(parts: Sequence[Stored], wanted: Sequence[tuple[int, str]]) -> Classes | None:
    """One table for all series: the user's list in its order, or what there is by number and name; None for no masks.

    Raises:
        UserError: there are more classes than a mask can have.
    """
    masked = [part.record["mask"] for part in parts if part.record["mask"]["used"]]
    if not masked:
        return None
    found = {_key(record): record for one in masked for record in one["classes"]}
    if wanted:
        records: list[dict[str, Any]] = [{"name": name} for name in dict.fromkeys(name for _, name in wanted)]
    else:
        records = sorted(found.values(), key=lambda one: (one.get("value", 0), str(one["name"])))
    if len(records) > MOST_CLASSES:
        raise UserError(f"the masks have {len(records)} classes, more than {MOST_CLASSES}; choose with --mask-classes.")
    return Classes(({"name": BACKGROUND}, *records))


def mask_of(part: Stored, writer: MaskWriter | None) -> Callable[[int], Masks] | None:
    """The mask of slice i of a series, with the numbers of the store's table; None where the series has none."""
    if writer is None or not part.record["mask"]["used"]:
        return None
    stored = np.load(part.masks, mmap_mode="r", allow_pickle=False)
    places = {_key(record): number for number, record in enumerate(writer.classes.records)}
    renumbered = np.array([0, *(places[_key(record)] for record in part.record["mask"]["classes"])], np.uint8)

    def mask(i: int) -> Masks:
        numbered: Masks = renumbered[np.array(stored[part.start + i])]
        return numbered

    return mask


def _key(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)

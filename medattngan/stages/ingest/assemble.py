"""Shards → store: order the slices, drop duplicates, split by patient, write. One series in memory at a time."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medattngan.core.files import read_json
from medattngan.data.alike import one_spacing, one_word
from medattngan.data.masks import COLUMN as MASK
from medattngan.data.store import COLUMNS
from medattngan.data.store_writer import StoreWriter
from medattngan.scans.series import Series
from medattngan.stages.ingest.jobs import Job
from medattngan.stages.ingest.masks import mask_of
from medattngan.stages.ingest.pseudonyms import pseudonym
from medattngan.stages.ingest.split import split_patients


@dataclass
class Ledger:
    """What became of each file: how much of it is in the store, and why the rest is not."""

    kept: Counter[Path] = field(default_factory=Counter)
    reasons: dict[Path, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    slices: Counter[str] = field(default_factory=Counter)
    masked: dict[Path, int] = field(default_factory=dict)
    causes: dict[Path, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def set_aside(self, series: Series, source: int, reason: str, cause: str = "") -> None:
        """Note a slice; `source` is the index of its piece, or -1 when it was cut from all of them."""
        self.slices[reason] += 1
        for piece in series.pieces if source < 0 else [series.pieces[source]]:
            self.file(piece.path, reason, cause)

    def file(self, path: Path, reason: str, cause: str = "") -> None:
        """Note a file, or a part of it."""
        self.reasons[path][reason] += 1
        if reason == "unreadable" and cause:
            self.causes[path][cause] += 1

    def frames(self, path: Path, count: int, reason: str) -> None:
        """Note frames of a file whose others are slices."""
        if count:
            self.slices[reason] += count
            self.reasons[path][reason] += count

    def keep(self, series: Series, source: int) -> None:
        """Note a slice that is in the store."""
        self.kept.update(piece.path for piece in (series.pieces if source < 0 else [series.pieces[source]]))

    def rejected(self) -> dict[Path, str]:
        """Files of which nothing is in the store, with the commonest reason."""
        return {path: why.most_common(1)[0][0] for path, why in self.reasons.items() if not self.kept[path]}

    def unreadable(self) -> dict[Path, str]:
        """Of the files of which nothing could be read, the class of what a reader raised, where it raised anything."""
        files = [path for path, reason in self.rejected().items() if reason == "unreadable" and self.causes[path]]
        return {path: self.causes[path].most_common(1)[0][0] for path in files}


@dataclass(frozen=True)
class StoredSeries:
    """A series in its shard: where its slices begin there, its record, and its pseudonyms."""

    series: Series
    shard: Path
    masks: Path
    start: int
    record: dict[str, Any]
    patient: str
    name: str

    @property
    def boxes(self) -> list[list[int]]:
        """Where text was covered: top, left, bottom, right, in pixels of the scan."""
        boxes: list[list[int]] = self.record["masked"]
        return boxes


def read_parts(jobs: Sequence[Job], salt: bytes, ledger: Ledger) -> list[StoredSeries]:
    """The series that have slices, in the order of the store: by pseudonym of patient, then of series."""
    parts = []
    for job in jobs:
        start = 0
        for series, record in zip(job.series, read_json(job.records_path), strict=True):
            if series.mask is not None and (why := record.get("mask", {}).get("reason")):
                ledger.file(series.mask.path, why)
            for source, *why in record["set_aside"]:
                ledger.set_aside(series, source, *why)
            if record["slices"]:
                patient = pseudonym(salt, "patient", series.patient)
                name = pseudonym(salt, "series", f"{series.patient}\0{series.key}")
                parts.append(StoredSeries(series, job.codes_path, job.masks_path, start, record, patient, name))
            start += len(record["slices"])
    return sorted(parts, key=lambda part: (part.patient, part.name))


def distinct(parts: Sequence[StoredSeries], ledger: Ledger) -> list[tuple[StoredSeries, list[int]]]:
    """Which slices of each part to keep: of slices with the same pixels, the first."""
    seen: set[str] = set()
    chosen = []
    for part in parts:
        keep = []
        for i, (_, digest, source) in enumerate(part.record["slices"]):
            if digest in seen:
                ledger.set_aside(part.series, source, "duplicate")
            else:
                seen.add(digest)
                keep.append(i)
                ledger.keep(part.series, source)
        if keep and part.boxes:
            ledger.masked |= dict.fromkeys((piece.path for piece in part.series.pieces), len(part.boxes))
        if keep:
            chosen.append((part, keep))
    return chosen


def write_slices(
    chosen: Sequence[tuple[StoredSeries, list[int]]],
    writer: StoreWriter,
    shares: tuple[float, float, float],
    seed: int,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Write the pixels; return the index and the store's intensity map."""
    splits = split_patients(_patient_labels([part for part, _ in chosen]), shares, seed)
    rows: list[dict[str, Any]] = []
    for part, keep in chosen:
        stored = np.load(part.shard, mmap_mode="r", allow_pickle=False)
        mask = mask_of(part, writer.masks)
        for i in keep:
            writer.add(np.array(stored[part.start + i]), None if mask is None else mask(i))
            rows.append(_row(part, i, splits[part.series.patient]))
    table = pd.DataFrame(rows)
    types = {"age": "float64", "sex": "string", "sequence": "string"} | dict.fromkeys(_numbers(chosen), "float64")
    extra = {name: kind for name, kind in types.items() if table[name].notna().any()}
    extra |= {} if writer.masks is None else {MASK: "bool"}
    index = table[[*COLUMNS, *extra]].astype(COLUMNS).astype(extra)
    return index, _intensity(table, next(_shapes(chosen)))


def _numbers(chosen: Sequence[tuple[StoredSeries, list[int]]]) -> list[str]:
    """The further columns that the table of labels gives any series."""
    return sorted({name for part, _ in chosen for name, _ in part.series.numbers})


def _shapes(chosen: Sequence[tuple[StoredSeries, list[int]]]) -> Iterator[int]:
    for part, _ in chosen:
        yield int(np.load(part.shard, mmap_mode="r", allow_pickle=False).shape[-1])


def _patient_labels(parts: Sequence[StoredSeries]) -> dict[str, str | None]:
    """Each patient's label, None where it has none or more than one."""
    labels: dict[str, set[str | None]] = defaultdict(set)
    for part in parts:
        labels[part.series.patient].add(part.series.label)
    return {patient: next(iter(some)) if len(some) == 1 else None for patient, some in labels.items()}


def _row(part: StoredSeries, i: int, split: str) -> dict[str, Any]:
    position, _, _ = part.record["slices"][i]
    spacing = part.record["spacing_mm"]
    return {
        "patient": part.patient,
        "series": part.name,
        "modality": part.series.modality,
        "plane": part.record["plane"],
        "position_mm": math.nan if position is None else position,
        "spacing_mm": math.nan if spacing is None else spacing,
        "label": part.series.label,
        "split": split,
        **part.record["map"],
        "age": part.series.age,
        "sex": part.series.sex,
        "sequence": part.series.sequence or None,
        **dict(part.series.numbers),
        "scheme": part.record["scheme"],
        MASK: part.record["mask"]["used"],
    }


def _intensity(table: pd.DataFrame, size: int) -> dict[str, Any]:
    """The map that a synthetic slice gets: of the commonest unit and scheme in training, the median ends.

    Modality, plane and pixel size are those of every such slice, or unknown: each is written into every export.
    """
    train = table[table["split"] == "train"]
    (unit, scheme), _ = Counter(zip(train["unit"], train["scheme"], strict=True)).most_common(1)[0]
    train = train[(train["unit"] == unit) & (train["scheme"] == scheme)]
    return {
        "scheme": scheme,
        "lower": float(train["lower"].median()),
        "upper": float(train["upper"].median()),
        "unit": unit,
        "modality": one_word(train["modality"], "OT"),
        "plane": one_word(train["plane"], "acquired"),
        "spacing_mm": one_spacing(train["spacing_mm"]),
        "size": size,
    }

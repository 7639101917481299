"""Samples → a folder of DICOM series, one folder a series and one file a slice.

The same samples and options give the same bytes: no clock and no random number takes part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydicom import Dataset

from medattngan.core.files import UserError, atomic_folder, require_absent
from medattngan.core.locks import alone
from medattngan.core.seal import seal, thorough
from medattngan.core.types import Codes
from medattngan.data.samples import Samples
from medattngan.external.open import open_slices
from medattngan.stages.export.image import Window, opening_windows
from medattngan.stages.export.like import Like, plane_like, read_like, window_like
from medattngan.stages.export.objects import require_sop
from medattngan.stages.export.origin import UUID_ROOT, origin_of
from medattngan.stages.export.plane import ORIENTATION, Plane
from medattngan.stages.export.series import DicomSeries, build, build_multiframe
from medattngan.stages.export.transfer import require_transfer_syntax, save


@dataclass(frozen=True)
class ExportReport:
    """What `export` wrote.

    Args:
        path: the folder of series.
        series: the series folders, in order.
        slices: how many slices were written.
        flagged_left_out: how many were left out because an audit had flagged them.
    """

    path: Path
    series: list[Path]
    slices: int
    flagged_left_out: int


@alone
@thorough()
def export(
    samples: str | Path | Samples,
    out: str | Path,
    *,
    limit: int | None = None,
    sop: str = "sc",
    multiframe: bool = False,
    uid_root: str = UUID_ROOT,
    window: Window | None = None,
    overlay: bool = True,
    stamp: bool = False,
    transfer_syntax: str = "explicit",
    like: str | Path | None = None,
    include_flagged: str | None = None,
) -> ExportReport:
    """Write synthetic slices as DICOM, one series a label.

    Args:
        samples: whatever `open_slices` opens: a samples folder, a folder of pictures or of DICOM, or a .npy; or samples
            in memory: `open_slices(…).physical(…)` says what slices from elsewhere mean.
        out: the folder to make.
        limit: at most this many slices, from the first.
        sop: `sc` Secondary Capture, `ct` CT Image Storage (values in HU), `mr` MR Image Storage.
        multiframe: one Multi-frame Grayscale Word Secondary Capture a series instead of one file a slice.
        uid_root: `2.25`, or your organization's own root.
        window: (center, width) in physical units that viewers open with; by default that of `like`, else one
            that fits the values.
        overlay: lay SYNTHETIC over the picture in a plane that viewers can hide; not with `multiframe`.
        stamp: burn SYNTHETIC into the pixels; the values under it are lost.
        transfer_syntax: `explicit`, `jpeg2000`, `jpegls` or `rle`; all keep every value.
        like: a real DICOM series that lends its technical attributes, never its identity.
        include_flagged: the reason why slices that an audit flagged are exported all the same. It is written
            into each of them. Without a reason they are left out and counted.

    Raises:
        UserError: there is no slice to export, the samples are not what they were when they were written or audited,
            `out` exists, or an option is not possible.
    """
    out = Path(out)
    require_absent(out)
    require_transfer_syntax(transfer_syntax)
    if not isinstance(samples, Samples):
        samples = open_slices(Path(samples)).physical()
    samples.require_verdict()
    flagged = flagged_rows(samples.table)
    rows = choose_rows(flagged, limit, include_flagged)
    reason = include_flagged or ""
    series = plan_series(samples, sop, multiframe, window, None if like is None else read_like(like))
    series = replace(series, uid_root=uid_root, overlay=overlay, stamped=stamp)
    with atomic_folder(out) as folder:
        names = []
        for number, (label, members) in enumerate(rows_by_label(samples.table, rows).items(), start=1):
            one = replace(series, number=number, label=label)
            names.append("-".join([f"series-{number:02d}", *_slug(label)]))
            (folder / names[-1]).mkdir()
            make = _multiframe if multiframe else _slices
            for name, dataset in make(one, samples.codes, members, flagged, reason):
                save(dataset, folder / names[-1] / name, transfer_syntax)
        seal(folder, "dicom")
    left_out = 0 if include_flagged is not None else int(flagged.sum())
    return ExportReport(out, [out / name for name in names], len(rows), left_out)


def _slices(
    series: DicomSeries, codes: Codes, rows: list[int], flagged: npt.NDArray[np.bool_], reason: str
) -> Iterator[tuple[str, Dataset]]:
    """One object a slice, with the name of its file."""
    for index, row in enumerate(rows):
        comment = f"Flagged by the audit, exported because: {reason}" if flagged[row] else ""
        yield f"slice-{row + 1:05d}.dcm", build(series, codes[row], row + 1, index, comment)


def _multiframe(
    series: DicomSeries, codes: Codes, rows: list[int], flagged: npt.NDArray[np.bool_], reason: str
) -> Iterator[tuple[str, Dataset]]:
    """One object of all slices, with the name of its file."""
    frames = ", ".join(str(frame) for frame, row in enumerate(rows, start=1) if flagged[row])
    comment = f"Flagged by the audit, exported because: {reason} Frames: {frames}." if frames else ""
    yield "slices.dcm", build_multiframe(series, codes[rows], comment)


def flagged_rows(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows an audit flagged: (count,) bool; none where there was no audit."""
    if "flagged" not in table:
        return np.zeros(len(table), bool)
    return table["flagged"].astype("boolean").fillna(False).to_numpy(bool)


def choose_rows(flagged: npt.NDArray[np.bool_], limit: int | None, include_flagged: str | None) -> list[int]:
    """The rows to export, in order.

    Raises:
        UserError: none is left, or an option is not possible.
    """
    if limit is not None and limit < 1:
        raise UserError(f"--limit {limit} exports nothing; give 1 or more.")
    if include_flagged is not None and not include_flagged.strip():
        raise UserError("--include-flagged is empty; say in a few words why flagged slices are exported.")
    if len(flagged) == 0:
        raise UserError("the samples hold no slice; sample some first.")
    rows = [row for row in range(len(flagged)) if include_flagged is not None or not flagged[row]]
    if not rows:
        raise UserError(f"the audit flagged all {len(flagged)} slices; sample others or use --include-flagged REASON.")
    return rows[:limit]


def rows_by_label(table: pd.DataFrame, rows: list[int]) -> dict[str, list[int]]:
    """The rows of each label, labels by name, unlabelled rows first under the empty text."""
    if "label" not in table:
        return {"": rows}
    labels = table["label"].astype("string").fillna("")
    members: dict[str, list[int]] = {}
    for row in rows:
        members.setdefault(str(labels.iloc[row]), []).append(row)
    return dict(sorted(members.items()))


def plan_series(samples: Samples, sop: str, multiframe: bool, window: Window | None, like: Like | None) -> DicomSeries:
    """What all series of these samples have in common.

    Raises:
        UserError: the samples lack what `sop` needs, or `like` does not fit them.
    """
    known = samples.intensity
    modality, name = str(known.get("modality") or "OT"), str(known.get("plane") or "acquired")
    spacing = known.get("spacing_mm")
    scale = None if spacing is None or math.isnan(spacing) else (float(spacing), float(spacing))
    plane = Plane(ORIENTATION.get(name), scale)
    if like is not None:
        plane = plane_like(plane, like, (samples.codes.shape[1], samples.codes.shape[2]))
        window = window or window_like(like, samples.map)
    require_sop(sop, modality=modality, unit=samples.map.unit, plane=plane, multiframe=multiframe)
    return DicomSeries(
        origin=origin_of(samples),
        number=1,
        label="",
        intensity=samples.map,
        windows=opening_windows(samples.codes, samples.map, window),
        modality=modality if sop == "sc" else sop.upper(),
        plane=plane,
        plane_name=name,
        sop=sop,
    )


def _slug(label: str) -> list[str]:
    """A label as the tail of a folder's name, or nothing."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:40]
    return [slug] if slug else []

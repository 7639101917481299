"""Samples → a folder of DICOM series, one folder a series and one file a slice.

The same samples and options give the same bytes: no clock and no random number takes part.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.data.samples import Samples
from medattngan.export.identity import UUID_ROOT, origin_of
from medattngan.export.image import Window, opening_windows
from medattngan.export.series import Series, build, save
from medattngan.files import UserError, atomic_folder, require_absent


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


def export(
    samples: str | Path | Samples,
    out: str | Path,
    *,
    limit: int | None = None,
    uid_root: str = UUID_ROOT,
    window: Window | None = None,
    include_flagged: str | None = None,
) -> ExportReport:
    """Write synthetic slices as DICOM, one series a label.

    Args:
        samples: a samples folder, or samples in memory (see `read_foreign` for slices from elsewhere).
        out: the folder to make.
        limit: at most this many slices, from the first.
        uid_root: `2.25`, or your organization's own root.
        window: (center, width) in physical units that viewers open with; by default one that fits the values.
        include_flagged: the reason why slices that an audit flagged are exported all the same. It is written
            into each of them. Without a reason they are left out and counted.

    Raises:
        UserError: there is no slice to export, `out` exists, or an option is not possible.
    """
    out = Path(out)
    require_absent(out)
    if not isinstance(samples, Samples):
        samples = Samples.open(samples)
    flagged = flagged_rows(samples.table)
    rows = choose_rows(flagged, limit, include_flagged)
    with atomic_folder(out) as folder:
        names = []
        for series, members in plan_series(samples, rows, uid_root, window):
            names.append("-".join([f"series-{series.number:02d}", *_slug(series.label)]))
            (folder / names[-1]).mkdir()
            for row in members:
                comment = f"Flagged by the audit, exported because: {include_flagged}" if flagged[row] else ""
                dataset = build(series, samples.codes[row], row + 1, comment)
                save(dataset, folder / names[-1] / f"slice-{row + 1:05d}.dcm")
    left_out = 0 if include_flagged is not None else int(flagged.sum())
    return ExportReport(out, [out / name for name in names], len(rows), left_out)


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
        raise UserError(
            f"the audit flagged all {len(flagged)} slices; sample others or use --include-flagged REASON."
        )
    return rows[:limit]


def plan_series(
    samples: Samples, rows: list[int], uid_root: str, window: Window | None
) -> list[tuple[Series, list[int]]]:
    """One series a label, labels in the order of their names, unlabelled slices first; each with its rows."""
    labels = samples.table["label"].astype("string").fillna("") if "label" in samples.table else None
    members: dict[str, list[int]] = {}
    for row in rows:
        members.setdefault("" if labels is None else str(labels.iloc[row]), []).append(row)
    known = samples.intensity
    spacing = known.get("spacing_mm")
    planned = []
    for number, label in enumerate(sorted(members), start=1):
        series = Series(
            origin=origin_of(samples),
            number=number,
            label=label,
            intensity=samples.map,
            windows=opening_windows(samples.codes, samples.map, window),
            modality=str(known.get("modality") or "OT"),
            plane=str(known.get("plane") or "acquired"),
            spacing_mm=math.nan if spacing is None else float(spacing),
            uid_root=uid_root,
        )
        planned.append((series, members[label]))
    return planned


def _slug(label: str) -> list[str]:
    """A label as the tail of a folder's name, or nothing."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:40]
    return [slug] if slug else []

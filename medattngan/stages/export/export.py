"""Samples → a folder of DICOM series, one folder a series and one file a slice.

The same samples and options give the same bytes: no clock and no random number takes part. Slices are read, made and
written one after another, so that memory does not grow with their number.

    series-NN-LABEL/   slice-00001.dcm …, or slices.dcm of frames
    series-NN-LABEL-seg/   segmentation.dcm, the masks, where they were asked for
    volume-NNNN/       volume.nii.gz, planes.png and slices.gif of samples that are volumes, a series each
    provenance.json    what was asked for, the series, what was left out; written last
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.core.files import UserError, atomic_folder, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.progress import Advance, watching
from medattngan.core.room import require_room
from medattngan.core.seal import seal, thorough
from medattngan.core.text import counted
from medattngan.data.samples import Samples
from medattngan.external.given import Slices, given_slices
from medattngan.stages.export.beside import write_beside
from medattngan.stages.export.image import Window
from medattngan.stages.export.letters import heed_letters
from medattngan.stages.export.options import Asked, require_options
from medattngan.stages.export.origin import UUID_ROOT
from medattngan.stages.export.plan import PlannedSeries, plan
from medattngan.stages.export.record import record
from medattngan.stages.export.seg import OF_OUTLINES, drawn, require_seg, write_seg
from medattngan.stages.export.volumes import (
    in_whole_volumes,
    is_volumes,
    only_whole,
    rows_by_volume,
    slices_each,
    sop_of,
    volume_name,
)
from medattngan.stages.export.write import bytes_a_slice, first_object, write_series


@dataclass(frozen=True)
class ExportReport:
    """What `export` wrote.

    Args:
        path: the folder of series.
        series: the series folders, in order.
        slices: how many slices were written.
        flagged_left_out: how many were left out because an audit had flagged them.
        notes: in sentences, what else was left out and what was borrowed from `like`.
    """

    path: Path
    series: list[Path]
    slices: int
    flagged_left_out: int
    notes: list[str]

    def sentences(self) -> list[str]:
        """What a user should hear of."""
        return [*self.notes, *by_audit(self.flagged_left_out)]


@alone
@thorough()
def export(
    samples: Slices,
    out: str | Path,
    *,
    limit: int | None = None,
    sop: str | None = None,
    multiframe: bool = False,
    uid_root: str = UUID_ROOT,
    window: Window | None = None,
    overlay: bool = True,
    stamp: bool = False,
    transfer_syntax: str = "explicit",
    like: str | Path | None = None,
    include_flagged: str | None = None,
    seg: bool = False,
    letters: str = "refuse",
    notes: Sequence[str] = (),
    progress: bool = True,
) -> ExportReport:
    """Write synthetic slices as DICOM, one series a label; volumes one series each, and NIfTI and pictures too.

    Args:
        samples: whatever `open_slices` opens: a samples folder, a folder of pictures or of DICOM, or a .npy; or samples
            in memory: `open_slices(…).physical(…)` says what slices from elsewhere mean.
        out: the folder to make.
        limit: at most this many slices, or volumes, from the first.
        sop: `sc` Secondary Capture, `ct` CT Image Storage (values in HU), `mr` MR Image Storage; by default `sc`, and
            for volumes, which have a place in space, what their modality is.
        multiframe: Multi-frame Grayscale Word Secondary Capture in place of one file a slice.
        uid_root: `2.25`, or your organization's own root.
        window: (center, width) in physical units that viewers open with; by default that of `like`, or one that fits.
        overlay: lay SYNTHETIC over the picture in a plane that viewers can hide; not with `multiframe`.
        stamp: burn SYNTHETIC into the pixels; the values under it are lost.
        transfer_syntax: `explicit`, `jpeg2000`, `jpegls` or `rle`; all keep every value.
        like: a real DICOM series that lends its technical attributes, never its identity.
        include_flagged: the reason why slices that an audit flagged are exported all the same. It is written
            into each of them. Without a reason they are left out and counted.
        seg: also write the masks of the slices, one DICOM Segmentation a series, in a folder beside the series'.
        letters: what to do about slices that show what looks like letters: `refuse` them all, `leave-out` those, or
            `keep` them.
        notes: what was left out of `samples` before, in sentences, to be recorded.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: there is no slice to export, the samples were changed since they were written or audited, `out`
            exists, or an option is not possible; nothing is written then.
    """
    out = Path(out)
    require_absent(out)
    asked = Asked(
        sop or "sc", multiframe, uid_root, window, overlay, stamp, transfer_syntax,
        None if like is None else Path(like), include_flagged, letters,
    )  # fmt: skip
    require_options(asked, limit)
    samples, notes = _opened(samples, notes)
    if seg:
        require_seg(samples, multiframe)
    asked = replace(asked, sop=sop_of(samples, sop, multiframe))
    flagged = in_whole_volumes(samples, flagged_rows(samples.table))
    rows = choose_rows(flagged, None if limit is None else limit * slices_each(samples), include_flagged)
    chosen, rows = len(rows), only_whole(samples, heed_letters(samples.codes, rows, letters))
    groups = rows_by_volume(samples.table, rows) if is_volumes(samples) else rows_by_label(samples.table, rows)
    planned, borrowed = plan(samples, groups, flagged, asked)
    _require_writable(planned[0], samples, out, len(rows))
    left_out = count_left_out(flagged, chosen, include_flagged)
    if lettered := chosen - len(rows):
        left_out["lettered"] = lettered
    said = [*notes, *by_option(left_out), *([] if borrowed is None else [f"--like: {borrowed.told()}"])]
    if seg and not drawn(samples):
        said.append(OF_OUTLINES)
    with atomic_folder(out) as folder, watching(progress) as watch:
        _write_all(planned, samples, folder, seg, watch("writing slices", len(rows)))
        told = record(planned, asked, left_out, said, seg=seg, limit=limit)
        masks = samples.provenance.get("masks")
        write_json(folder / "provenance.json", told if masks is None else told | {"masks": masks})
        seal(folder, "dicom")
    return ExportReport(out, [out / one.folder for one in planned], len(rows), left_out["flagged"], said)


def _opened(samples: Slices, notes: Sequence[str]) -> tuple[Samples, Sequence[str]]:
    """The samples, which are what they were when they were audited, and what was left out of them."""
    if not isinstance(samples, Samples):
        found = given_slices(samples)
        samples, notes = found.physical(), [*notes, *found.notes]
    samples.require_synthetic("exported")
    samples.require_verdict()
    return samples, notes


def _require_writable(first: PlannedSeries, samples: Samples, out: Path, count: int) -> None:
    """The pixels fit into the objects, and all of these onto the disk."""
    first_object(first, samples.codes)
    require_room(out, count * bytes_a_slice(samples.codes), f"{count} slices", "give a --limit")


def by_audit(flagged: int) -> list[str]:
    """What an audit kept back, in a sentence."""
    return [f"{counted(flagged, 'slices')} left out that the audit flagged"] if flagged else []


def by_option(left_out: Mapping[str, int]) -> list[str]:
    """What an option left out, in sentences; of what an audit flagged, the report speaks."""
    options = {"--limit": left_out["beyond_limit"], "--letters": left_out.get("lettered", 0)}
    return [f"{option}: {counted(count, 'slices')} left out" for option, count in options.items() if count]


def _write_all(planned: Sequence[PlannedSeries], samples: Samples, folder: Path, seg: bool, advance: Advance) -> None:
    """Every series, its masks where they were asked for, and what lies beside a volume."""
    for one in planned:
        write_series(one, samples.codes, folder / one.folder, advance)
        if seg:
            write_seg(one, samples, folder / one.folder, folder / f"{one.folder}-seg")
        if one.volume:
            write_beside(one, samples, folder / volume_name(samples, one.rows))


def flagged_rows(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows an audit flagged: (count,) bool; none where there was no audit."""
    if "flagged" not in table:
        return np.zeros(len(table), bool)
    return table["flagged"].astype("boolean").fillna(False).to_numpy(bool)


def choose_rows(flagged: npt.NDArray[np.bool_], limit: int | None, include_flagged: str | None) -> list[int]:
    """The rows to export, in order.

    Raises:
        UserError: none is left.
    """
    if len(flagged) == 0:
        raise UserError("the samples hold no slice; sample some first.")
    rows = [row for row in range(len(flagged)) if include_flagged is not None or not flagged[row]]
    if not rows:
        raise UserError(f"the audit flagged all {len(flagged)}; sample other slices or use --include-flagged REASON.")
    return rows[:limit]


def count_left_out(flagged: npt.NDArray[np.bool_], chosen: int, include_flagged: str | None) -> dict[str, int]:
    """How many slices are not exported, because an audit flagged them or because they lie beyond the limit."""
    usable = len(flagged) if include_flagged is not None else int((~flagged).sum())
    return {"flagged": len(flagged) - usable, "beyond_limit": usable - chosen}


def rows_by_label(table: pd.DataFrame, rows: list[int]) -> dict[str, list[int]]:
    """The rows of each label, labels by name, unlabelled rows first under the empty text."""
    if "label" not in table:
        return {"": rows}
    labels = table["label"].astype("string").fillna("")
    members: dict[str, list[int]] = {}
    for row in rows:
        members.setdefault(str(labels.iloc[row]), []).append(row)
    return dict(sorted(members.items()))

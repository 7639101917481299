"""Samples that are volumes: which slices are one, where they lie, and that none leaves with a gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.core.files import UserError
from medattngan.data.affine import PLANES
from medattngan.data.samples import Samples
from medattngan.stages.export.plane import Plane, VolumePlane

VOLUME, SLICE, POSITION = "volume", "slice", "position_mm"
"""Columns of samples that are volumes: the number of the volume, of the slice in it, and where it lies."""
_TOWARDS = {"R": (-1, 0, 0), "A": (0, -1, 0), "S": (0, 0, 1)}
"""Where a stack grows, in DICOM's coordinates (LPS)."""
KINDS = {"MR": "mr", "CT": "ct", "OT": "mr"}
"""The kind of object that a volume of this modality becomes."""


def is_volumes(samples: Samples) -> bool:
    """Whether the slices are those of volumes."""
    return {VOLUME, SLICE, POSITION} <= set(samples.table.columns)


def slices_each(samples: Samples) -> int:
    """Slices of the largest volume; 1 of slices by themselves."""
    return int(samples.table[VOLUME].value_counts().max()) if is_volumes(samples) else 1


def sop_of(samples: Samples, sop: str | None, multiframe: bool) -> str:
    """The kind of object: what was asked for, else `sc`, and for volumes one that has a place in space.

    Raises:
        UserError: volumes were asked for as Secondary Captures, or their modality has no such kind.
    """
    if not is_volumes(samples):
        return sop or "sc"
    if sop == "sc" or multiframe:
        raise UserError("a volume needs a place in space, which a Secondary Capture has not; give --sop mr or ct.")
    modality = str(samples.intensity.get("modality") or "OT")
    if sop is None and modality not in KINDS:
        raise UserError(f"volumes leave as MR or CT objects, and these are {modality}: there is no kind for them yet.")
    return sop or KINDS[modality]


def in_whole_volumes(samples: Samples, flagged: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(count,) bool: of volumes every slice of one that has a flagged slice, else as it is."""
    if not is_volumes(samples):
        return flagged
    whole = pd.Series(flagged).groupby(samples.table[VOLUME].to_numpy()).transform("any")
    return whole.to_numpy(bool)


def only_whole(samples: Samples, rows: Sequence[int]) -> list[int]:
    """The rows of volumes of which every slice is among them; of slices by themselves all.

    Raises:
        UserError: no volume is whole.
    """
    if not is_volumes(samples):
        return list(rows)
    volumes = samples.table[VOLUME].to_numpy()
    wanted, there = Counter(volumes.tolist()), Counter(volumes[list(rows)].tolist())
    whole = {number for number, count in there.items() if count == wanted[number]}
    left = [row for row in rows if volumes[row] in whole]
    if not left:
        raise UserError("no volume is left whole; sample others, or look at what was left out and why.")
    return left


def rows_by_volume(table: pd.DataFrame, rows: Sequence[int]) -> dict[str, list[int]]:
    """The rows of each volume from the least position on, by what its series is called."""
    labels = table["label"].astype("string").fillna("").to_numpy()
    volumes, order = table[VOLUME].to_numpy(), table[POSITION].to_numpy(np.float64)
    found: dict[str, list[int]] = {}
    for row in sorted(rows, key=lambda row: (volumes[row], order[row])):
        found.setdefault(f"volume {volumes[row] + 1:04d} {labels[row]}".strip(), []).append(row)
    return found


def volume_name(samples: Samples, rows: Sequence[int]) -> str:
    """The folder of what is written beside the series of a volume."""
    return f"volume-{int(samples.table[VOLUME].iloc[rows[0]]) + 1:04d}"


def placed(plane: Plane, name: str, positions_mm: Sequence[float]) -> VolumePlane:
    """`plane` for slices at these places, which grow to superior, anterior or right as those of a store do.

    Raises:
        UserError: they are not one step apart.

    >>> placed(Plane((1, 0, 0, 0, 0, -1), (2.0, 2.0)), "coronal", [0.0, 3.0]).along_mm  # the normal points back
    (-0.0, -3.0)
    """
    steps = np.diff(positions_mm)
    if len(steps) == 0 or steps.min() <= 0 or np.ptp(steps) > 1e-3:
        raise UserError("the slices of a volume are not one step apart; sample it again.")
    sign = 1.0
    if plane.orientation is not None and name in PLANES:
        normal = np.cross(plane.orientation[:3], plane.orientation[3:])
        sign = 1.0 if np.dot(normal, _TOWARDS[PLANES[name][2]]) > 0 else -1.0
    return VolumePlane(
        plane.orientation, plane.spacing_mm, plane.thickness_mm, plane.body_part,
        along_mm=tuple(sign * float(one) for one in positions_mm),
    )  # fmt: skip

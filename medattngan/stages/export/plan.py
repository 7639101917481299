"""From samples and options to the series that are written."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.external.physical import known_unit
from medattngan.stages.export.image import opening_windows
from medattngan.stages.export.lend import read_like
from medattngan.stages.export.like import Like, as_taken, plane_like, window_like
from medattngan.stages.export.objects import require_sop
from medattngan.stages.export.options import LEAST_MM, MOST_MM, Asked, require_modality
from medattngan.stages.export.origin import origin_of
from medattngan.stages.export.plane import ORIENTATION, Plane
from medattngan.stages.export.series import DicomSeries
from medattngan.stages.export.volumes import POSITION, is_volumes, placed


@dataclass(frozen=True)
class PlannedSeries:
    """A series to write.

    Args:
        folder: the name of its folder.
        series: what its slices have in common.
        rows: of the samples, in order.
        flagged: of each of `rows`, whether an audit flagged it.
        reason: why flagged slices are exported.
        volume: whether its slices are one volume, numbered from 1.
    """

    folder: str
    series: DicomSeries
    rows: Sequence[int]
    flagged: Sequence[bool]
    reason: str
    volume: bool = False


def plan(
    samples: Samples, by_label: Mapping[str, Sequence[int]], flagged: npt.NDArray[np.bool_], asked: Asked
) -> tuple[list[PlannedSeries], Like | None]:
    """The series of these rows, by label, and what they took from `asked.like`.

    Raises:
        UserError: the samples lack what was asked for, or say what DICOM cannot.
    """
    common, taken = _common(samples, asked)
    planned, volumes = [], is_volumes(samples)
    positions = samples.table[POSITION].to_numpy(np.float64) if volumes else np.empty(0)
    for number, (label, rows) in enumerate(by_label.items(), start=1):
        flags = [bool(flagged[row]) for row in rows]
        reason = (asked.include_flagged or "") if any(flags) else ""
        members = hashlib.sha256(json.dumps([list(rows), flags, reason]).encode()).hexdigest()
        series = replace(common, number=number, label=label, members=members)
        if volumes:
            series = replace(series, plane=placed(series.plane, series.plane_name, positions[list(rows)].tolist()))
        series.require_description()
        folder = "-".join([f"series-{number:02d}", *_slug(label)])
        planned.append(PlannedSeries(folder, series, rows, flags, reason, volumes))
    return planned, taken


def _common(samples: Samples, asked: Asked) -> tuple[DicomSeries, Like | None]:
    """What all series of these samples have in common, and what they took from the series of `--like`."""
    known = samples.intensity
    intensity = replace(samples.map, unit=known_unit(samples.map.unit))
    modality, name = require_modality(str(known.get("modality") or "OT")), str(known.get("plane") or "acquired")
    scale, window, taken = _scale(known.get("spacing_mm")), asked.window, None
    plane = Plane(ORIENTATION.get(name), scale)
    if asked.like is not None:
        like = read_like(asked.like, name, (samples.codes.shape[1], samples.codes.shape[2]))
        plane = plane_like(plane, like)
        window = window or window_like(like, intensity)
        taken = as_taken(like, plane, window)
    require_sop(asked.sop, modality=modality, unit=intensity.unit, plane=plane, multiframe=asked.multiframe)
    series = DicomSeries(
        origin=origin_of(samples),
        number=1,
        label="",
        intensity=intensity,
        windows=opening_windows(samples.codes, intensity, window),
        modality=modality if asked.sop == "sc" else asked.sop.upper(),
        plane=plane,
        plane_name=name,
        sop=asked.sop,
        uid_root=asked.uid_root,
        overlay=asked.overlay,
        stamped=asked.stamp,
        multiframe=asked.multiframe,
        transfer_syntax=asked.transfer_syntax,
    )
    return series, taken


def _scale(spacing: float | None) -> tuple[float, float] | None:
    """Between rows and between columns, or None where it is unknown.

    Raises:
        UserError: it is no size of a pixel.
    """
    if spacing is None or math.isnan(spacing):
        return None
    if not LEAST_MM <= spacing <= MOST_MM:
        raise UserError(f"a pixel of {spacing:g} mm is not possible; correct spacing_mm, or give another --spacing.")
    return float(spacing), float(spacing)


def _slug(label: str) -> list[str]:
    """A label as the tail of a folder's name, or nothing."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:40]
    return [slug] if slug else []

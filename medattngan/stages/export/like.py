"""What a real series may lend: orientation, pixel size, thickness, window and body part. Never who it is of.

Only numbers and terms of a closed list are taken, so that nothing written by hand can come along. Positions
stay behind: to the micrometer, they are as telling as a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from medattngan.core.files import UserError
from medattngan.data.intensity import IntensityMap
from medattngan.stages.export.image import Window
from medattngan.stages.export.plane import BODY_PARTS, ORIENTATION, Plane

TAGS = [
    "Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "SliceThickness", "WindowCenter",
    "WindowWidth", "BodyPartExamined",
]  # fmt: skip
SAME_WAY = 0.7
"""A real row or column this close, as a cosine, to ours points the same way."""


@dataclass(frozen=True)
class Like:
    """The technical attributes of a real series, each None or empty where it does not say.

    Args:
        orientation: direction cosines of a row and of a column.
        field_mm: height and width of the picture.
        thickness_mm: of a slice.
        window: (center, width) that opens.
        body_part: one of BODY_PARTS.
    """

    orientation: tuple[float, ...] | None = None
    field_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None
    window: Window | None = None
    body_part: str = ""


def read_like(source: str | Path) -> Like:
    """Read the technical attributes of the first DICOM image in `source`, a file or a folder of one series.

    Raises:
        UserError: there is no DICOM image.
    """
    source = Path(source)
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
        except (InvalidDicomError, OSError):
            continue
        if dataset.get("Rows") and dataset.get("Columns"):
            return _technical(dataset)
    raise UserError(f"--like {source} holds no DICOM image; give the folder of one series, or one of its files.")


def _technical(dataset: Dataset) -> Like:
    spacing = _numbers(dataset, "PixelSpacing", 2)
    cosines = _numbers(dataset, "ImageOrientationPatient", 6)
    thickness = _numbers(dataset, "SliceThickness", 1)
    center, width = _numbers(dataset, "WindowCenter", 1), _numbers(dataset, "WindowWidth", 1)
    body_part = str(dataset.get("BodyPartExamined") or "").strip().upper()
    return Like(
        orientation=_unit(cosines) if cosines else None,
        field_mm=(spacing[0] * dataset.Rows, spacing[1] * dataset.Columns) if spacing and min(spacing) > 0 else None,
        thickness_mm=thickness[0] if thickness and thickness[0] > 0 else None,
        window=(center[0], width[0]) if center and width and width[0] > 0 else None,
        body_part=body_part if body_part in BODY_PARTS else "",
    )


def _numbers(dataset: Dataset, keyword: str, count: int) -> list[float]:
    """The first `count` values as finite numbers, or none of them."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    values = [float(v) for v in ([value] if isinstance(value, int | float | str) else value)][:count]
    return values if len(values) == count and np.isfinite(values).all() else []


def _unit(cosines: list[float]) -> tuple[float, ...] | None:
    """Direction cosines to four digits, or None where they are not two perpendicular unit vectors."""
    row, column = np.asarray(cosines[:3]), np.asarray(cosines[3:])
    if abs(np.linalg.norm(np.cross(row, column)) - 1) > 0.01:
        return None
    column = column - row * np.dot(row, column)
    return tuple(float(v) for v in np.round(np.concatenate([row, column]), 4) + 0.0)


def plane_like(plane: Plane, like: Like, shape: tuple[int, int]) -> Plane:
    """`plane` with what `like` knows better.

    The orientation is taken where ours is unknown, or where rows and columns point nearly as ours do: a
    series that lies the other way round must not mirror a slice. The pixel size keeps the field of view
    of the series, whatever its matrix.

    Args:
        plane: what the slices know.
        like: what the series lends.
        shape: (H, W) of the slices.

    Raises:
        UserError: the series lies in another plane.
    """
    orientation = plane.orientation
    if like.orientation is not None and (orientation is None or _same_way(orientation, like.orientation)):
        orientation = like.orientation
    elif like.orientation is not None and orientation is not None:
        normals = [np.cross(cosines[:3], cosines[3:]) for cosines in (orientation, like.orientation)]
        if abs(np.dot(*normals)) < SAME_WAY:
            named = next((name for name, cosines in ORIENTATION.items() if cosines == orientation), "of another plane")
            raise UserError(f"the slices are {named} but --like is of another plane; give a series of the same plane.")
    spacing = plane.spacing_mm
    if like.field_mm is not None:
        spacing = (like.field_mm[0] / shape[0], like.field_mm[1] / shape[1])
    return Plane(orientation, spacing, like.thickness_mm or plane.thickness_mm, like.body_part or plane.body_part)


def window_like(like: Like, intensity: IntensityMap) -> Window | None:
    """The window of the series where it shows some of our values, else None: no picture may open black."""
    if like.window is None:
        return None
    center, width = like.window
    return like.window if center + width / 2 > intensity.lower and center - width / 2 < intensity.upper else None


def _same_way(ours: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    return bool(min(np.dot(ours[:3], theirs[:3]), np.dot(ours[3:], theirs[3:])) > SAME_WAY)

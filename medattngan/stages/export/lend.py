"""What one real series can lend: found, grouped and laid out as `ingest` does it, and read from headers alone.

Only numbers and terms of a closed list are taken, so that nothing written by hand can come along. An enhanced object's
functional groups (DICOM PS3.3 C.7.6.16) are asked first, as `ingest` asks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from medattngan.core.files import UserError
from medattngan.core.text import counted
from medattngan.scans.find import Found, examine, stacks, walk
from medattngan.scans.formats.dicom import read_dataset
from medattngan.scans.formats.dicom_groups import functional
from medattngan.scans.series import READ_ERRORS, REASONS, Series
from medattngan.stages.export.image import Window
from medattngan.stages.export.layout import cut_of
from medattngan.stages.export.like import Like
from medattngan.stages.export.plane import BODY_PARTS
from medattngan.stages.export.text import on_one_line

TAGS = [
    "Rows", "Columns", "NumberOfFrames", "ImageOrientationPatient", "WindowCenter", "WindowWidth", "BodyPartExamined",
    "PhotometricInterpretation", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
NAMED_AT_ONCE = 8


def read_like(source: str | Path, plane: str, shape: tuple[int, int]) -> Like:
    """What the series in `source`, a file or a folder, lends to slices (H, W) = `shape` of `plane`.

    The field of view is padded to the slices' aspect and spread over their matrix, as `ingest` does.

    Raises:
        UserError: there is no image to borrow from, there are several series, or it cannot be cut in `plane`.
    """
    source = Path(source)
    if not source.exists():
        raise UserError(f"--like {source} does not exist; give the folder of one DICOM series, or one of its files.")
    images, passed_over = _images(source)
    stack = _one_stack(source, images)
    first = stack.pieces[0]
    dataset = read_dataset(first.path, TAGS)
    cut = cut_of(stack, (int(dataset.Rows), int(dataset.Columns)), plane, _cosines(dataset, first.frame), max(shape))
    height, width = shape
    spacing = None if cut.field_mm is None else max(cut.field_mm[0] / height, cut.field_mm[1] / width)
    body_part = _text(dataset, "BodyPartExamined").upper()
    return Like(
        orientation=None if cut.cosines is None else _unit(cut.cosines),
        spacing_mm=spacing,
        thickness_mm=cut.thickness_mm,
        window=_window(dataset, first.frame),
        body_part=body_part if body_part in BODY_PARTS else "",
        passed_over=passed_over,
    )


def _images(source: Path) -> tuple[list[Found], int]:
    """The DICOM files under `source` that `ingest` takes for images of a patient, and how many files are none.

    Raises:
        UserError: there is none, and why.
    """
    found = [examine(item) for item in walk([source])]
    images = [one for one in found if one.format == "dicom" and one.pieces]
    if not images:
        reasons = sorted({REASONS.get(one.reason or "", "") for one in found if one.format == "dicom"} - {""})
        why = f" ({'; '.join(reasons)})" if reasons else ""
        raise UserError(
            f"--like {source} holds no DICOM image{why}; give the folder of one DICOM series, or one of its files."
        )
    return images, len(found) - len(images)


def _one_stack(source: Path, images: Sequence[Found]) -> Series:
    """The one series of `images`; of several stacks of it that lie alike, such as echoes, the first.

    Raises:
        UserError: there are several, which are listed.
    """
    found = stacks(images, None, False)
    placed = [one for one in found if one.pieces[0].geometry is not None] or found
    if len({_lies(one) for one in placed}) > 1:
        lines = [_described(one) for one in placed[:NAMED_AT_ONCE]]
        lines += [f"and {len(placed) - NAMED_AT_ONCE} more"] if len(placed) > NAMED_AT_ONCE else []
        raise UserError(f"--like {source} holds {len(placed)} series: {'; '.join(lines)}. Give the files of one.")
    return placed[0]


def _lies(stack: Series) -> tuple[object, ...]:
    """What stacks must have in common to lend the same: the series, the matrix, and where they lie."""
    first = stack.pieces[0]
    dataset = read_dataset(first.path, ["Rows", "Columns"])
    facing = () if first.geometry is None else tuple(round(one, 2) + 0.0 for one in first.geometry.orientation)
    series = first.series.split("\0")[0]
    return series, dataset.Rows, dataset.Columns, first.spacing_mm, first.thickness_mm, facing


def _described(stack: Series) -> str:
    """A candidate, for whoever has to choose: it is said on the console and written nowhere."""
    first = stack.pieces[0]
    size = "unknown pixel size" if first.spacing_mm is None else f"{first.spacing_mm[0]:.4g} mm"
    return (
        f"{on_one_line(first.relative)} ({on_one_line(stack.modality)}, {counted(len(stack.pieces), 'slices')}, {size})"
    )


def _cosines(dataset: Dataset, frame: int) -> list[float]:
    """Direction cosines of a frame whose position may be unknown; none where they are not sound."""
    return _numbers(dataset, frame, "PlaneOrientationSequence", "ImageOrientationPatient", 6)


def _window(dataset: Dataset, frame: int) -> Window | None:
    """The first window, in the values of the scan; none of a picture that is bright where it is low."""
    if _text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        return None
    center = _numbers(dataset, frame, "FrameVOILUTSequence", "WindowCenter", 1)
    width = _numbers(dataset, frame, "FrameVOILUTSequence", "WindowWidth", 1)
    return (center[0], width[0]) if center and width and width[0] > 0 else None


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip()


def _numbers(dataset: Dataset, frame: int, group: str, keyword: str, count: int) -> list[float]:
    """The first `count` values as finite numbers, or none of them: what cannot be read is not lent."""
    try:
        value: Any = functional(dataset, frame, group, keyword)
        values = [float(one) for one in ([value] if isinstance(value, int | float | str) else value or [])][:count]
    except READ_ERRORS:
        return []
    return values if len(values) == count and np.isfinite(values).all() else []


def _unit(cosines: Sequence[float]) -> tuple[float, ...] | None:
    """Direction cosines to four digits, or None where they are not two perpendicular unit vectors."""
    row, column = np.asarray(cosines[:3]), np.asarray(cosines[3:])
    if abs(np.linalg.norm(np.cross(row, column)) - 1) > 0.01:
        return None
    column = column - row * np.dot(row, column)
    return tuple(float(v) for v in np.round(np.concatenate([row, column]), 4) + 0.0)

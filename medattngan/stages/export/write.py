"""Series → files, one object in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydicom import Dataset

from medattngan.core.progress import Advance, uncounted
from medattngan.core.types import Codes
from medattngan.data.blocks import read_rows
from medattngan.stages.export.plan import PlannedSeries
from medattngan.stages.export.series import build, build_multiframe
from medattngan.stages.export.transfer import save

HEADER_BYTES = 4096
"""About what a file takes beside its pixels."""
OBJECT_BYTES, OBJECT_FRAMES = 64 << 20, 1024
"""A multi-frame object holds no more pixels and frames: it is built in memory, and its page numbers and comment have
their largest size (VR IS in 64 KiB, VR LT in 10240 characters; DICOM PS3.5 6.2 and 7.1.2)."""


def bytes_a_slice(codes: Codes) -> int:
    """About what a slice takes on disk: its pixels, the overlay, a header."""
    pixels = int(codes.shape[1]) * int(codes.shape[2])
    return 2 * pixels + pixels // 8 + HEADER_BYTES


def first_object(planned: PlannedSeries, codes: Codes) -> Dataset:
    """The first object of a series, with one slice: what cannot be written is refused here, before anything is.

    Raises:
        UserError: its pixels or their map do not fit into the object.
    """
    make = build_multiframe if planned.series.multiframe else build
    return make(planned.series, read_rows(codes, planned.rows[:1])[0 if make is build else slice(None)], 1)


def write_series(planned: PlannedSeries, codes: Codes, folder: Path, advance: Advance = uncounted) -> None:
    """Write all objects of a series into the new folder `folder`; `advance` is told how many slices each holds."""
    folder.mkdir()
    for name, dataset in (_multiframe if planned.series.multiframe else _slices)(planned, codes):
        save(dataset, folder / name, planned.series.transfer_syntax)
        advance(int(dataset.get("NumberOfFrames", 1)))


def _slices(planned: PlannedSeries, codes: Codes) -> Iterator[tuple[str, Dataset]]:
    """One object a slice, with the name of its file."""
    for index, (row, flagged) in enumerate(zip(planned.rows, planned.flagged, strict=True)):
        comment = f"Flagged by the audit, exported because: {planned.reason}" if flagged else ""
        number = index + 1 if planned.volume else row + 1
        dataset = build(planned.series, read_rows(codes, [row])[0], number, index, comment)
        yield f"slice-{number:05d}.dcm", dataset


def _multiframe(planned: PlannedSeries, codes: Codes) -> Iterator[tuple[str, Dataset]]:
    """One object of all slices, or as many as it takes, with the name of its file."""
    step = max(1, min(OBJECT_FRAMES, OBJECT_BYTES // codes[:1].nbytes))
    for number, start in enumerate(range(0, len(planned.rows), step), start=1):
        rows, flags = planned.rows[start : start + step], planned.flagged[start : start + step]
        frames = ", ".join(str(frame) for frame, flag in enumerate(flags, start=1) if flag)
        comment = f"Flagged by the audit, exported because: {planned.reason} Frames: {frames}." if frames else ""
        name = "slices.dcm" if len(planned.rows) <= step else f"slices-{number:04d}.dcm"
        yield name, build_multiframe(planned.series, read_rows(codes, rows), number, comment)

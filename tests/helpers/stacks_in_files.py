"""DICOM series of several stacks, whose pixels say which stack and which place each slice is of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from helpers.scan_files import texture, write_dicom
from medattngan.scans.captures import without_pages
from medattngan.scans.find import Found, examine, stacks, walk
from medattngan.scans.formats.dicom_pixels import load
from medattngan.scans.series import Series
from medattngan.stages.ingest.worker import quiet

MR = "1.2.840.10008.5.1.4.1.1.4"
STEP = 3.0


def slice_of(stack: int, place: int, size: int = 12) -> npt.NDArray[np.uint16]:
    """A noisy block of 1000 for each stack and 10 for each place: its rounded median names both."""
    noise = texture((size, size), 100 * stack + place, 0, 4)
    return np.rint(1000 * (stack + 1) + 10 * place + noise).astype(np.uint16)


def write_stacks(
    folder: Path, stacks: int, places: int, said: Callable[[int, int], dict[str, Any]], without: Iterable[Any] = ()
) -> dict[Path, tuple[int, int]]:
    """`stacks` × `places` MR slices of one series; `said(stack, place)` are their attributes, `without` are not there.

    The files, and (stack, place) of each.

    Files are named at random, and Instance Number begins anew with each stack.
    """
    names, written = iter(np.random.default_rng(5).permutation(10_000)), {}
    for stack in range(stacks):
        for place in range(places):
            if (stack, place) in without:
                continue
            attributes = {
                "SOPClassUID": MR,
                "Modality": "MR",
                "InstanceNumber": place + 1,
                "ImagePositionPatient": [0.0, 0.0, STEP * place],
                "RescaleSlope": None,
                "RescaleIntercept": None,
            }
            path = folder / f"{next(names):05d}"
            write_dicom(path, slice_of(stack, place), **(attributes | said(stack, place)))
            written[path] = (stack, place)
    return written


def examined(folder: Path) -> list[Found]:
    """Every file of a folder, and what it says of itself."""
    with quiet():
        return [examine(item) for item in walk([folder])]


def series_of(files: list[Found]) -> list[Series]:
    """The series that are made of these files."""
    return stacks(without_pages(files), None, False)


def found(folder: Path) -> list[Series]:
    """The series that are made of a folder."""
    return series_of(examined(folder))


def named(series: Series) -> list[tuple[int, int]]:
    """(stack, place) of each slice of a series, by its pixels."""
    with quiet():
        volume, _ = load(series.pieces)
    middle = np.median(volume.reshape(-1, volume.shape[-1]), axis=0)
    return [(int(value // 1000) - 1, int(value % 1000 // 10)) for value in middle]

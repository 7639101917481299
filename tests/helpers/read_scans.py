"""Read the scans of a folder as `ingest` does, and compare what came with what went in."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset
from pydicom.tag import Tag

from medattngan.scans.captures import without_pages
from medattngan.scans.find import Found, examine, stacks, walk
from medattngan.scans.options import Options
from medattngan.scans.prepare import Prepared, prepare
from medattngan.stages.ingest.worker import quiet

RADIOGRAPH = {"Modality": "DX", "ImageOrientationPatient": None, "ImagePositionPatient": None}
"""What `write_dicom` is to be told for an image that lies nowhere."""

FULL = (1000.0, 4000.0)
"""Center and width in HU of a window that clips nothing between -1000 and 3000."""


def found_in(folder: Path) -> list[Found]:
    """What is in the files of a folder, or why they are set aside."""
    with quiet():
        return without_pages([examine(item) for item in walk([folder])])


def read_all(folder: Path, plane: str = "acquired", window: tuple[float, float] = FULL) -> list[Prepared]:
    """Every series of a folder, at the size of its files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    with quiet():
        shape = pydicom.dcmread(files[0], stop_before_pixels=True)
        size = max(int(shape.Rows), int(shape.Columns))
        return [prepare(one, Options(size, plane, window)) for one in stacks(found_in(folder), None, False)]


def read(folder: Path, plane: str = "acquired", window: tuple[float, float] = FULL) -> Prepared:
    """The only series of a folder."""
    (only,) = read_all(folder, plane, window)
    return only


def assert_values(prepared: Prepared, expected: npt.NDArray[Any]) -> None:
    """Every slice decodes to `expected`, clipped to the map, within half a step."""
    expected = np.clip(expected, prepared.map.lower, prepared.map.upper)
    error = np.abs(prepared.map.decode(prepared.codes) - expected).max()
    assert error <= prepared.map.step / 2 + 1e-3


def with_raw(dataset: FileDataset, path: Path, tag: int, vr: str, value: bytes) -> None:
    """Write a dataset again, with one element as a careless program would have written it."""
    place = Tag(tag)
    if place in dataset:
        del dataset[place]
    value += b" " * (len(value) % 2)
    dataset._dict[place] = RawDataElement(place, "LO", len(value), value, 0, False, True)  # pydicom looks into no LO
    dataset.save_as(path, enforce_file_format=True)
    head = struct.pack("<HH", place.group, place.element)
    path.write_bytes(path.read_bytes().replace(head + b"LO", head + vr.encode("ascii"), 1))

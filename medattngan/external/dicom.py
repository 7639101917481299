"""DICOM files that are given to be judged: which files of a folder they are, and their frames in physical units."""

from __future__ import annotations

from pathlib import Path

from medattngan.core.files import UserError
from medattngan.core.types import Physical
from medattngan.scans.formats.dicom import is_dicom, read_dataset
from medattngan.scans.formats.dicom_pixels import physical_frame
from medattngan.scans.series import REASONS, SetAside

_HEAD_BYTES = 132


def dicom_files(folder: Path) -> list[Path]:
    """The DICOM files under `folder`, told by their content, in the order of their names."""
    found = []
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        with file.open("rb") as handle:
            head = handle.read(_HEAD_BYTES)
        if file.name != "DICOMDIR" and is_dicom(file, head):
            found.append(file)
    return found


def frames(file: Path) -> list[Physical]:
    """The frames of a DICOM file, in physical units.

    Raises:
        UserError: it holds none that can be judged.
    """
    dataset = read_dataset(file)
    try:
        return [physical_frame(dataset, frame)[0] for frame in range(int(dataset.get("NumberOfFrames") or 1))]
    except SetAside as error:
        raise UserError(f"{file} cannot be judged: {REASONS[error.reason]}; take it out.") from None

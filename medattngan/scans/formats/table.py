"""Every format of scans that is read: one record each, and what other packages add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medattngan.core.plugins import with_plugins
from medattngan.scans.formats import dicom, dicom_pixels, nifti
from medattngan.scans.formats import picture as pictures
from medattngan.scans.pipelines import Pipeline, by_modality, picture
from medattngan.scans.series import Layout, Loaded, Piece


@dataclass(frozen=True)
class Format:
    """All that is to be known of one kind of file. Its functions stand in modules, where worker processes find them.

    Args:
        recognise: (path, first bytes) → whether a file is of the format; by its content, since scans have any name.
        describe: (path, path under its source) → the pieces in the file, from its header alone; none for a file that
            belongs to another. Raises SetAside where it holds no scan.
        load: pieces of one series → their voxels and what is known of them. Raises SetAside where they cannot be used.
        layout: what a piece is, which decides how it can be turned and how patients and labels are found.
        pipeline: from voxels to slices, the steps after `load`.
        weight: the work of preparing one piece, where a DICOM slice is 1; it decides how series are shared out.
    """

    recognise: Callable[[Path, bytes], bool]
    describe: Callable[[Path, str], list[Piece]]
    load: Callable[[Sequence[Piece]], Loaded]
    layout: Layout
    pipeline: Pipeline = by_modality
    weight: float = 1.0


GROUP = "medattngan.formats"
"""The entry points of other packages."""

FORMATS: dict[str, Format] = {
    "dicom": Format(dicom.is_dicom, dicom.describe, dicom_pixels.load, "frames"),
    "volume": Format(nifti.is_volume, nifti.describe, nifti.load, "volume", weight=4.0),
    "picture": Format(pictures.is_picture, pictures.describe, pictures.load, "pages", picture, weight=0.25),
}
"""Asked in this order, and before those of other packages: installing one never changes what a file was read as."""


def formats() -> dict[str, Format]:
    """The table, and the records that other packages add to it.

    Raises:
        UserError: one takes the name of another, is no Format, or cannot be imported.
    """
    return with_plugins(FORMATS, GROUP, Format)

"""What the slices of one series have in common, and the object made of one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

import medattngan
from medattngan.data.intensity import IntensityMap
from medattngan.export.identity import UUID_ROOT, Origin, content_uid, make_uid, mark_synthetic
from medattngan.export.image import Window, set_pixels, set_rescale, set_spacing, set_window
from medattngan.export.secondary_capture import set_secondary_capture
from medattngan.types import Codes

ROWS_TOWARD = {"axial": ["L", "P"], "coronal": ["L", "F"], "sagittal": ["P", "F"]}
"""Where the end of a row and of a column of a stored slice point, as in Patient Orientation (0020,0020)."""

IMPLEMENTATION_UID = make_uid(UUID_ROOT, "implementation", "medattngan")
"""Names this writer in every file's meta information."""


@dataclass(frozen=True)
class Series:
    """One series of synthetic slices.

    Args:
        origin: where they come from.
        number: 1 for the first series of the study.
        label: what the generator was asked for, or empty.
        intensity: codes to physical values.
        windows: the windows offered, the first opens.
        modality: DICOM's Modality (0008,0060).
        plane: axial, coronal, sagittal or acquired.
        spacing_mm: pixel size, NaN where unknown.
        uid_root: root of all UIDs.
    """

    origin: Origin
    number: int
    label: str
    intensity: IntensityMap
    windows: dict[str, Window]
    modality: str = "OT"
    plane: str = "acquired"
    spacing_mm: float = math.nan
    uid_root: str = UUID_ROOT

    @property
    def uid(self) -> str:
        """Series Instance UID: from all that the series is."""
        return make_uid(self.uid_root, medattngan.__version__, *vars(self).values())

    @property
    def description(self) -> str:
        """Series Description, at most 64 characters (VR LO)."""
        words = ["SYNTHETIC", self.modality, self.plane, self.label]
        return " ".join(word for word in words if word and word != "acquired")[:64]


def build(series: Series, codes: Codes, number: int, comment: str = "") -> Dataset:
    """The DICOM object of one slice.

    Args:
        series: what it shares with its neighbours.
        codes: (H, W) uint16.
        number: Instance Number.
        comment: what else must travel with this slice, in one sentence.
    """
    dataset = Dataset()
    mark_synthetic(dataset, series.origin, comment)
    dataset.Modality = series.modality
    dataset.StudyInstanceUID = make_uid(series.uid_root, "study", series.origin.samples)
    dataset.SeriesInstanceUID = series.uid
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = series.description
    dataset.InstanceNumber = number
    dataset.PatientOrientation = ROWS_TOWARD.get(series.plane, "")
    dataset.Laterality = ""
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    set_pixels(dataset, codes)
    set_rescale(dataset, series.intensity)
    set_window(dataset, series.windows)
    set_spacing(dataset, series.spacing_mm)
    set_secondary_capture(dataset)
    dataset.SOPInstanceUID = content_uid(series.uid_root, dataset)
    return dataset


def save(dataset: Dataset, path: Path) -> None:
    """Write `dataset` as a DICOM file in explicit VR little endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = f"MEDATTNGAN_{medattngan.__version__}"[:16]
    dataset.file_meta = meta
    dataset.save_as(path, enforce_file_format=True)

"""What the slices of one series have in common, and the objects made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

import medattngan
from medattngan.core.types import Codes
from medattngan.data.intensity import IntensityMap
from medattngan.stages.export.image import Window, set_pixels, set_rescale, set_window
from medattngan.stages.export.marks import add_overlay, stamp
from medattngan.stages.export.objects import SOPS, set_multiframe
from medattngan.stages.export.origin import UUID_ROOT, Origin, content_uid, make_uid, mark_synthetic
from medattngan.stages.export.plane import Plane, set_plane, set_position


@dataclass(frozen=True)
class DicomSeries:
    """One series of synthetic slices.

    Args:
        origin: where they come from.
        number: 1 for the first series of the study.
        label: what the generator was asked for, or empty.
        intensity: codes to physical values.
        windows: the windows offered, the first opens.
        modality: DICOM's Modality (0008,0060).
        plane: place and scale of the slices.
        plane_name: axial, coronal, sagittal or acquired, for the description.
        sop: a key of SOPS.
        uid_root: root of all UIDs.
        overlay: whether SYNTHETIC lies over the picture.
        stamped: whether SYNTHETIC is burned into the pixels.
    """

    origin: Origin
    number: int
    label: str
    intensity: IntensityMap
    windows: dict[str, Window]
    modality: str = "OT"
    plane: Plane = Plane()  # noqa: RUF009
    plane_name: str = "acquired"
    sop: str = "sc"
    uid_root: str = UUID_ROOT
    overlay: bool = True
    stamped: bool = False

    @property
    def uid(self) -> str:
        """Series Instance UID: from all that the series is."""
        return make_uid(self.uid_root, "series", medattngan.__version__, *vars(self).values())

    @property
    def description(self) -> str:
        """Series Description, at most 64 characters (VR LO)."""
        words = ["SYNTHETIC", self.modality, self.plane_name, self.label]
        return " ".join(word for word in words if word and word != "acquired").replace("\\", "/")[:64]


def build(series: DicomSeries, codes: Codes, number: int, index: int = 0, comment: str = "") -> Dataset:
    """The DICOM object of one slice.

    Args:
        series: what it shares with its neighbours.
        codes: (H, W) uint16.
        number: Instance Number.
        index: its place in the stack, from 0, for objects that have one.
        comment: what else must travel with this slice, in one sentence.
    """
    dataset = _begin(series, codes, number, comment)
    SOPS[series.sop](dataset)
    if series.sop != "sc":
        frame_uid = make_uid(series.uid_root, "frame of reference", series.uid)
        set_position(dataset, series.plane, index, frame_uid)
    if series.overlay:
        add_overlay(dataset)
    dataset.SOPInstanceUID = content_uid(series.uid_root, dataset)
    return dataset


def build_multiframe(series: DicomSeries, codes: Codes, comment: str = "") -> Dataset:
    """The DICOM object of all slices (frames, H, W) of a series. It has no room for an overlay (A.8.4.4)."""
    dataset = _begin(series, codes, 1, comment)
    set_multiframe(dataset, len(codes))
    dataset.SOPInstanceUID = content_uid(series.uid_root, dataset)
    return dataset


def _begin(series: DicomSeries, codes: Codes, number: int, comment: str) -> Dataset:
    """What every object of a series says."""
    dataset = Dataset()
    mark_synthetic(dataset, series.origin, comment)
    dataset.Modality = series.modality
    dataset.StudyInstanceUID = make_uid(series.uid_root, "study", series.origin.samples)
    dataset.SeriesInstanceUID = series.uid
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = series.description
    dataset.InstanceNumber = number
    dataset.BurnedInAnnotation = "YES" if series.stamped else "NO"
    dataset.LossyImageCompression = "00"
    set_pixels(dataset, stamp(codes) if series.stamped else np.asarray(codes))
    set_rescale(dataset, series.intensity)
    set_window(dataset, series.windows)
    set_plane(dataset, series.plane)
    return dataset

"""What the slices of one series have in common, and the objects made of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from pydicom import Dataset

import medattngan
from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.data.intensity import IntensityMap
from medattngan.stages.export.image import Window, set_pixels, set_rescale, set_window
from medattngan.stages.export.marks import add_overlay, stamp
from medattngan.stages.export.objects import SOPS, set_multiframe
from medattngan.stages.export.origin import UUID_ROOT, Origin, content_uid, make_uid, mark_synthetic
from medattngan.stages.export.plane import Plane, set_plane, set_position
from medattngan.stages.export.text import require_line

DESCRIPTION_MAX = 64
"""Bytes of a value of VR LO. The standard counts characters (PS3.5 table 6.2-1), but archives and validators bytes."""


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
        multiframe: whether its slices are frames of a few objects.
        transfer_syntax: how pixels are written, a key of TRANSFER_SYNTAXES.
        members: names which slices it has, and what is said of each.
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
    multiframe: bool = False
    transfer_syntax: str = "explicit"
    members: str = ""

    @cached_property
    def uid(self) -> str:
        """Series Instance UID: from all that the series is, so that no two exports put unlike slices into one."""
        return make_uid(self.uid_root, "series", medattngan.__version__, json.dumps(asdict(self), sort_keys=True))

    @property
    def description(self) -> str:
        """Series Description; VR LO holds no backslash."""
        words = ["SYNTHETIC", self.modality, self.plane_name, self.label]
        return " ".join(word for word in words if word and word != "acquired").replace("\\", "/")

    def require_description(self) -> None:
        """Raises: UserError: the label does not fit into a header."""
        require_line(self.label, "the label")
        if (over := len(self.description.encode()) - DESCRIPTION_MAX) > 0:
            raise UserError(f"the label {self.label!r} is too long for a series description; take away {over} bytes.")


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


def build_multiframe(series: DicomSeries, codes: Codes, number: int = 1, comment: str = "") -> Dataset:
    """The DICOM object of slices (frames, H, W), instance `number` of a series. It has no overlay (A.8.4.4)."""
    dataset = _begin(series, codes, number, comment)
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

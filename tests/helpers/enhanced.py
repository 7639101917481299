"""Enhanced MR objects: many frames in one file, each with its functional groups (DICOM PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from helpers.scan_files import write_dicom
from helpers.stacks_in_files import STEP, slice_of

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


def item(**values: Any) -> list[Dataset]:
    """A sequence of one item."""
    one = Dataset()
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return [one]


def group_of(place: int, content: dict[str, Any], groups: dict[str, dict[str, Any]], where: Any = None) -> Dataset:
    """The functional groups of a frame: its place, its content, and what else tells frames apart."""
    one = Dataset()
    one.FrameContentSequence = item(**content)
    one.PlanePositionSequence = item(ImagePositionPatient=where or [0.0, 0.0, STEP * place])
    for name, values in groups.items():
        setattr(one, name, item(**values))
    return one


def write_enhanced(
    path: Path,
    frames: Sequence[tuple[int, int]],
    groups: Sequence[Dataset],
    dimensions: Sequence[int] = (),
    **attributes: Any,
) -> None:
    """`frames` are the (stack, place) whose picture each frame shows, `groups` what is said of it."""
    shared = Dataset()
    shared.PixelMeasuresSequence = item(PixelSpacing=[2.0, 2.0], SliceThickness=3.0)
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    said: dict[str, Any] = {
        "SOPClassUID": ENHANCED_MR,
        "Modality": "MR",
        "NumberOfFrames": len(frames),
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": list(groups),
        "DimensionIndexSequence": [item(DimensionIndexPointer=tag)[0] for tag in dimensions],
        "InstanceNumber": 1,
    }
    said |= dict.fromkeys(
        ["PixelSpacing", "SliceThickness", "ImageOrientationPatient", "ImagePositionPatient", "RescaleSlope"]
    )
    said["RescaleIntercept"] = None
    write_dicom(path, np.stack([slice_of(*frame) for frame in frames]), **(said | attributes))

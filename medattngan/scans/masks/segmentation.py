"""DICOM Segmentation: frames of segments, put where their scan's slices lie. Clauses are of DICOM PS3.3.

C.8.20 has the segments and the types of frames, A.51 the functional groups that place them. Of the words in a file
none is kept: what a segment shows is told by its coded concept, whose meaning is looked up in DICOM's own tables.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import SegmentationStorage

from medattngan.scans.formats.dicom import read_dataset
from medattngan.scans.formats.dicom_groups import functional
from medattngan.scans.geometry.affine import stack_affine
from medattngan.scans.masks.grid import Labels, onto
from medattngan.scans.series import Geometry, SetAside

LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
SEGMENTATIONS = (SegmentationStorage, LABEL_MAP_SEGMENTATION_STORAGE)
_TAG = re.compile(r" \([a-z ]+\)$")
"""What SNOMED CT appends to a name to say of which kind it is."""
HEADER = ("SOPClassUID", "ReferencedSeriesSequence")


def scan_of(path: Path) -> str | None:
    """Series Instance UID of the scan that a segmentation is of; empty where it names none, None for other files."""
    dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(HEADER))
    if dataset.get("SOPClassUID") not in SEGMENTATIONS:
        return None
    referenced = dataset.get("ReferencedSeriesSequence") or []
    return str(referenced[0].get("SeriesInstanceUID") or "") if len(referenced) else ""


def load(path: Path, scan: Path, shape: tuple[int, ...], to: npt.NDArray[np.float64]) -> tuple[Labels, dict[int, Any]]:
    """The segments as a map of labels on the grid of the scan, and what each number is: `(code, side)` records.

    Where segments overlap, the later one is kept. Of fractions, a half and more is in.

    Args:
        path: the segmentation.
        scan: a file of its scan.
        shape, to: (rows, columns, slices) of the scan as loaded, and the affine from its indices to RAS+ mm.

    Raises:
        SetAside: it lies elsewhere than the scan.
    """
    dataset = pydicom.dcmread(path, force=True)
    frame_of_reference = read_dataset(scan, ["FrameOfReferenceUID"]).get("FrameOfReferenceUID")
    if dataset.get("FrameOfReferenceUID") != frame_of_reference:
        raise SetAside("mask-frame-of-reference")
    if (int(dataset.Rows), int(dataset.Columns)) not in (tuple(shape[:2]), tuple(shape[:2])[::-1]):
        raise SetAside("mask-shape")
    frames = dataset.pixel_array.reshape(-1, int(dataset.Rows), int(dataset.Columns))
    if dataset.get("SegmentationType") == "FRACTIONAL":
        frames = frames >= int(dataset.MaximumFractionalValue) / 2
    labels = np.zeros(shape, np.float32)
    for number, frame in enumerate(frames):
        if not frame.any():
            continue
        segment = _segment(dataset, number)
        values = frame if segment is None else frame.astype(np.float32) * segment
        turned, places = onto(values.astype(np.float32)[:, :, None], _affine(dataset, number, to), shape, to)
        here = labels[np.ix_(*places)]
        labels[np.ix_(*places)] = np.where(turned > 0, turned, here)
    return labels, {int(one.SegmentNumber): _concept(one) for one in dataset.SegmentSequence}


def _segment(dataset: Dataset, frame: int) -> int | None:
    """Which segment a frame shows; None where its pixels say so themselves (LABELMAP)."""
    if dataset.get("SegmentationType") == "LABELMAP":
        return None
    return int(functional(dataset, frame, "SegmentIdentificationSequence", "ReferencedSegmentNumber"))


def _affine(dataset: Dataset, frame: int, to: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of one frame as an array (row, column, 1), which steps as the scan's slices do."""
    orientation = functional(dataset, frame, "PlaneOrientationSequence", "ImageOrientationPatient")
    origin = functional(dataset, frame, "PlanePositionSequence", "ImagePositionPatient")
    spacing = functional(dataset, frame, "PixelMeasuresSequence", "PixelSpacing")
    if orientation is None or origin is None or spacing is None:
        raise SetAside("mask-affine")
    x, y, z = (float(one) for one in origin)
    placed = Geometry(tuple(float(one) for one in orientation), (x, y, z), (float(spacing[0]), float(spacing[1])))
    affine = stack_affine([placed], 1.0)
    across = np.abs(np.linalg.solve(to[:3, :3], affine[:3, 2])).argmax()
    affine[:3, 2] = to[:3, across]
    return affine


def _concept(segment: Dataset) -> dict[str, Any]:
    """What a segment shows, by Segmented Property Type (C.8.20.4) and modifier, as far as DICOM's tables know it."""
    found = _meaning((segment.get("SegmentedPropertyTypeCodeSequence") or [Dataset()])[0])
    if found is None:
        return {"name": f"segment {int(segment.SegmentNumber)}", "value": int(segment.SegmentNumber)}
    types = segment.SegmentedPropertyTypeCodeSequence[0]
    modifiers = types.get("SegmentedPropertyTypeModifierCodeSequence") or []
    side = _meaning(modifiers[0]) if len(modifiers) else None
    name = found[2] if side is None else f"{found[2]}, {side[2].lower()}"
    return {"name": name, "code": list(found), **({} if side is None else {"side": list(side)})}


def _meaning(item: Dataset) -> tuple[str, str, str] | None:
    """(value, scheme, meaning) of a code that DICOM's tables have; the file's own words are not taken.

    Codes of SNOMED RT (SRT) become those of SNOMED CT, which pydicom holds to be equal.
    """
    value, scheme = str(item.get("CodeValue") or ""), str(item.get("CodingSchemeDesignator") or "")
    table = "SCT" if scheme == "SRT" else scheme
    if not value or not hasattr(codes, table):
        return None
    asked = Code(value, scheme, "")
    found: list[Code] = [one for one in getattr(codes, table).concepts.values() if one == asked]
    if not found:
        return None
    shortest = min(found, key=lambda one: len(one.meaning))
    return shortest.value, table, _TAG.sub("", shortest.meaning)

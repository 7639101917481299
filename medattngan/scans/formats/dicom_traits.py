"""DICOM: what a frame says of itself that tells it from others at its place (see `scans.stack`). Clauses are of PS3.3.

Classic objects say it in the header, enhanced ones in functional groups (C.7.6.16), and vendors in private elements of
their conformance statements where they wrote before the standard had a place for it.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from medattngan.scans.formats.dicom_groups import functional, grouped
from medattngan.scans.formats.dicom_said import plain, private, private_tags, tag_of, value
from medattngan.scans.stack.traits import TRAITS, Value

IN_GROUPS: dict[str, list[tuple[str, str]]] = {
    "stack": [("FrameContentSequence", "StackID")],
    "temporal": [("FrameContentSequence", "TemporalPositionIndex")],
    "trigger": [("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime")],
    "component": [("MRImageFrameTypeSequence", "ComplexImageComponent")],
    "frame_type": [
        ("MRImageFrameTypeSequence", "FrameType"),
        ("CTImageFrameTypeSequence", "FrameType"),
        ("PETFrameTypeSequence", "FrameType"),
    ],
    "inversion": [("MRModifierSequence", "InversionTimes")],
    "flip": [("MRTimingAndRelatedParametersSequence", "FlipAngle")],
    "repetition": [("MRTimingAndRelatedParametersSequence", "RepetitionTime")],
    "kernel": [("CTReconstructionSequence", "ConvolutionKernel")],
    "algorithm": [("CTReconstructionSequence", "ReconstructionAlgorithm")],
    "energy": [("CTXRayDetailsSequence", "KVP")],
    "acquisition": [("FrameContentSequence", "FrameAcquisitionNumber")],
    "reference": [("TemporalPositionSequence", "TemporalPositionTimeOffset")],
}
"""Trait → where enhanced objects say it: (functional group, keyword)."""

IN_HEADER: dict[str, list[tuple[BaseTag, str]]] = {
    trait: [(tag_of(keyword), vr) for keyword, vr in keywords]
    for trait, keywords in {
        "stack": [("StackID", "SH")],
        "temporal": [("TemporalPositionIdentifier", "IS"), ("TemporalPositionIndex", "UL")],
        "echo": [("EchoNumbers", "IS")],
        "trigger": [("NominalCardiacTriggerDelayTime", "FD"), ("TriggerTime", "DS")],
        "direction": [("DiffusionGradientOrientation", "FD")],
        "component": [("ComplexImageComponent", "CS")],
        "inversion": [("InversionTime", "DS")],
        "flip": [("FlipAngle", "DS")],
        "repetition": [("RepetitionTime", "DS")],
        "kernel": [("ConvolutionKernel", "SH")],
        "algorithm": [("ReconstructionAlgorithm", "CS"), ("ReconstructionMethod", "LO")],
        "filter": [("FilterType", "SH")],
        "energy": [("KVP", "DS")],
        "contrast": [("ContrastBolusAgent", "LO")],
        "acquisition": [("AcquisitionNumber", "IS")],
        "reference": [("FrameReferenceTime", "DS")],
        "series_number": [("SeriesNumber", "IS")],
    }.items()
}
"""Trait → elements of the header, the first that has a value counts."""

SIEMENS, GE, GE_ACQUISITION = "SIEMENS MR HEADER", "GEMS_PARM_01", "GEMS_ACQU_01"
PHILIPS, PHILIPS_MR, UNITED = "Philips Imaging DD 001", "Philips MR Imaging DD 001", "Image Private Header"
GE_OFFSET = 1e9
"""What GE adds to b-values of some sequences."""

TIMES = ["AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime"]

TRAIT_TAGS: list[BaseTag] = [
    *(tag for tags in IN_HEADER.values() for tag, _ in tags),
    *map(tag_of, TIMES),
    *private_tags(0x0019, [0x0A, 0x0C, 0x0E, 0xBB, 0xBC, 0xBD]),
    *private_tags(0x0043, [0x2F, 0x39]),
    *private_tags(0x0065, [0x09, 0x37]),
    *private_tags(0x2001, [0x03]),
    *private_tags(0x2005, [0x11, 0xB0, 0xB1, 0xB2]),
    tag_of("DimensionIndexSequence"),
]
"""What `traits` and `b_value` need of a header."""

OF_PLACE = {
    tag_of(keyword)
    for keyword in (
        "StackID", "InStackPositionNumber", "ImagePositionPatient", "PlanePositionSequence", "SliceLocation",
        "ImageOrientationPatient", "PlaneOrientationSequence", "ImagePositionVolume", "PlanePositionVolumeSequence",
    )
}  # fmt: skip
"""Dimensions (C.7.6.17) that say where a frame lies, and not which stack it is of."""


def traits(dataset: Dataset, frame: int, is_one_of_many: bool) -> tuple[Value, ...]:
    """What a frame says of itself, in the order of TRAITS; that many slices are of one object, too."""
    said = {trait: _said(dataset, frame, trait) for trait in TRAITS}
    said["dimensions"] = _dimensions(dataset, frame)
    said["direction"] = said["direction"] or _direction(dataset, frame)
    said["component"] = said["component"] or _component(dataset)
    said["object"] = str(dataset.get("SOPInstanceUID") or "") if is_one_of_many else None
    said["acquired"] = _acquired(dataset, frame)
    said["content"] = _moment(dataset, "Content")
    return tuple(said.values())


def b_value(dataset: Dataset, frame: int) -> float | None:
    """Diffusion weighting in s/mm² (C.8.13.5.9), or as Siemens, GE, Philips or United Imaging say it."""
    found = plain(functional(dataset, frame, "MRDiffusionSequence", "DiffusionBValue"))
    for group, creator, element, vr in (
        (0x0019, SIEMENS, 0x0C, "IS"),
        (0x0043, GE, 0x39, "IS"),
        (0x2001, PHILIPS, 0x03, "FL"),
        (0x0065, UNITED, 0x09, "FD"),
    ):
        found = private(dataset, group, creator, element, vr) if found is None else found
    first = found[0] if isinstance(found, tuple) else found
    return first % GE_OFFSET if isinstance(first, float) else None


def _said(dataset: Dataset, frame: int, trait: str) -> Value:
    for group, keyword in IN_GROUPS.get(trait, []):
        found = plain(grouped(dataset, frame, group, keyword))
        if found is not None:
            return found
    for tag, vr in IN_HEADER.get(trait, []):
        found = value(dataset, tag, vr)
        if found is not None:
            return found
    return None


def _dimensions(dataset: Dataset, frame: int) -> Value:
    """The indices of an enhanced frame (C.7.6.17) in all dimensions but those of its place."""
    indices = grouped(dataset, frame, "FrameContentSequence", "DimensionIndexValues")
    pointers = [item.get("DimensionIndexPointer") for item in dataset.get("DimensionIndexSequence") or []]
    several: list[Any] = [indices] if isinstance(indices, int) else list(indices or [])
    if len(several) != len(pointers):
        return None
    return tuple(float(i) for i, tag in zip(several, pointers, strict=True) if tag not in OF_PLACE) or None


def _direction(dataset: Dataset, frame: int) -> Value:
    """The direction of diffusion weighting."""
    nested = grouped(dataset, frame, "MRDiffusionSequence", "DiffusionGradientDirectionSequence")
    for item in nested or []:
        return plain(item.get("DiffusionGradientOrientation"))
    found = private(dataset, 0x0019, SIEMENS, 0x0E, "FD") or private(dataset, 0x0065, UNITED, 0x37, "FD")
    if found is not None:
        return found
    for group, creator, elements, vr in (
        (0x0019, GE_ACQUISITION, (0xBB, 0xBC, 0xBD), "DS"),
        (0x2005, PHILIPS_MR, (0xB0, 0xB1, 0xB2), "FL"),
    ):
        parts = [private(dataset, group, creator, element, vr) for element in elements]
        numbers = tuple(part for part in parts if isinstance(part, float))
        if len(numbers) == 3:
            return numbers
    return None


def _component(dataset: Dataset) -> Value:
    """Magnitude, phase, real or imaginary, as GE and Philips say it."""
    return private(dataset, 0x0043, GE, 0x2F, "SS") or private(dataset, 0x2005, PHILIPS_MR, 0x11, "CS")


def _acquired(dataset: Dataset, frame: int) -> Value:
    """When the frame was acquired, s."""
    own = grouped(dataset, frame, "FrameContentSequence", "FrameAcquisitionDateTime")
    whole = own or _text(dataset, "AcquisitionDateTime")
    found = seconds(str(whole)[:8], str(whole)[8:]) if whole else None
    return _moment(dataset, "Acquisition") if found is None else found


def _moment(dataset: Dataset, what: str) -> Value:
    return seconds(_text(dataset, f"{what}Date"), _text(dataset, f"{what}Time"))


def _text(dataset: Dataset, keyword: str) -> str:
    """As written: a time is no number."""
    element = dataset.get_item(tag_of(keyword))
    found = "" if element is None else element.value
    return (found.decode("latin-1") if isinstance(found, bytes) else str(found or "")).strip(" \0")


def seconds(date: str, time: str) -> float | None:
    """Seconds from DA and TM (PS3.5 6.2); of the day where the date is none, None where the time is none.

    >>> seconds("", "101112.5"), seconds("19700102", "00:00:01"), seconds("", "12")
    (36672.5, 62135769601.0, 43200.0)
    """
    parts = re.match(r"(\d{2}):?(\d{2})?:?(\d{2}(?:\.\d+)?)?", time)
    if parts is None:
        return None
    hours, minutes, rest = (float(part or 0) for part in parts.groups())
    try:
        days = datetime.datetime.strptime(date.replace(".", "")[:8], "%Y%m%d").toordinal()
    except ValueError:
        days = 0
    return days * 86400.0 + hours * 3600 + minutes * 60 + rest

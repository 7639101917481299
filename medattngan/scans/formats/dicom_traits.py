"""DICOM: what a frame says of itself that tells it from others at its place (see `scans.stack`). Clauses are of PS3.3.

Classic objects say it in the header, enhanced ones in functional groups (C.7.6.16), and vendors in private elements of
their conformance statements where they wrote before the standard had a place for it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from medattngan.scans.formats.dicom_groups import groups_of
from medattngan.scans.formats.dicom_said import Owners, owners, private, private_tags, tag_of, text, value
from medattngan.scans.series import Value
from medattngan.scans.stack.traits import TRAITS

IN_GROUPS: dict[str, list[tuple[str, BaseTag, str]]] = {
    trait: [(group, tag_of(keyword), vr) for group, keyword, vr in places]
    for trait, places in {
        "stack": [("FrameContentSequence", "StackID", "SH")],
        "temporal": [("FrameContentSequence", "TemporalPositionIndex", "UL")],
        "trigger": [("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", "FD")],
        "phase": [
            ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase", "FL"),
            ("RespiratorySynchronizationSequence", "NominalPercentageOfRespiratoryPhase", "FL"),
        ],
        "component": [("MRImageFrameTypeSequence", "ComplexImageComponent", "CS")],
        "frame_type": [
            ("MRImageFrameTypeSequence", "FrameType", "CS"),
            ("CTImageFrameTypeSequence", "FrameType", "CS"),
            ("PETFrameTypeSequence", "FrameType", "CS"),
        ],
        "inversion": [("MRModifierSequence", "InversionTimes", "FD")],
        "flip": [("MRTimingAndRelatedParametersSequence", "FlipAngle", "DS")],
        "repetition": [("MRTimingAndRelatedParametersSequence", "RepetitionTime", "DS")],
        "kernel": [("CTReconstructionSequence", "ConvolutionKernel", "SH")],
        "algorithm": [("CTReconstructionSequence", "ReconstructionAlgorithm", "CS")],
        "thickness": [("PixelMeasuresSequence", "SliceThickness", "DS")],
        "energy": [("CTXRayDetailsSequence", "KVP", "DS")],
        "acquisition": [("FrameContentSequence", "FrameAcquisitionNumber", "US")],
        "reference": [("TemporalPositionSequence", "TemporalPositionTimeOffset", "FD")],
    }.items()
}
"""Trait → where enhanced objects say it: (functional group, element, its VR)."""

IN_HEADER: dict[str, list[tuple[BaseTag, str]]] = {
    trait: [(tag_of(keyword), vr) for keyword, vr in keywords]
    for trait, keywords in {
        "stack": [("StackID", "SH")],
        "temporal": [("TemporalPositionIdentifier", "IS"), ("TemporalPositionIndex", "UL")],
        "echo": [("EchoNumbers", "IS")],
        "trigger": [("NominalCardiacTriggerDelayTime", "FD"), ("TriggerTime", "DS")],
        "phase": [("NominalPercentageOfCardiacPhase", "FL"), ("NominalPercentageOfRespiratoryPhase", "FL")],
        "direction": [("DiffusionGradientOrientation", "FD")],
        "component": [("ComplexImageComponent", "CS")],
        "inversion": [("InversionTime", "DS")],
        "flip": [("FlipAngle", "DS")],
        "repetition": [("RepetitionTime", "DS")],
        "sequence": [("SequenceName", "SH"), ("PulseSequenceName", "SH")],
        "options": [("ScanOptions", "CS")],
        "kernel": [("ConvolutionKernel", "SH")],
        "algorithm": [("ReconstructionAlgorithm", "CS"), ("ReconstructionMethod", "LO")],
        "filter": [("FilterType", "SH")],
        "correction": [("CorrectedImage", "CS")],
        "thickness": [("SliceThickness", "DS")],
        "energy": [("KVP", "DS")],
        "contrast": [("ContrastBolusAgent", "LO")],
        "acquisition": [("AcquisitionNumber", "IS")],
        "reference": [("FrameReferenceTime", "DS")],
        "study": [("StudyInstanceUID", "UI")],
        "series_number": [("SeriesNumber", "IS")],
        "description": [("SeriesDescription", "LO")],
    }.items()
}
"""Trait → elements of the header, the first that has a value counts."""

SIEMENS, GE, GE_ACQUISITION = "SIEMENS MR HEADER", "GEMS_PARM_01", "GEMS_ACQU_01"
PHILIPS, PHILIPS_MR, UNITED = "Philips Imaging DD 001", "Philips MR Imaging DD 001", "Image Private Header"
GE_OFFSET = 1e9
"""What GE adds to b-values of some sequences."""

B_VALUE, ECHO_TIME, EFFECTIVE_ECHO_TIME = map(tag_of, ("DiffusionBValue", "EchoTime", "EffectiveEchoTime"))
DIRECTION, DIMENSION_VALUES = map(tag_of, ("DiffusionGradientOrientation", "DimensionIndexValues"))
FRAME_ACQUIRED = tag_of("FrameAcquisitionDateTime")
ACQUIRED = [tag_of(keyword) for keyword in ("AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime")]
CONTENT = [tag_of(keyword) for keyword in ("ContentDate", "ContentTime")]
PRIVATE = (0x0019, 0x0043, 0x0065, 0x2001, 0x2005)
"""The groups whose private elements are read."""

TRAIT_TAGS: list[BaseTag] = [
    *(tag for tags in IN_HEADER.values() for tag, _ in tags),
    *ACQUIRED,
    *CONTENT,
    *private_tags(0x0019, [0x0A, 0x0C, 0x0E, 0xBB, 0xBC, 0xBD]),
    *private_tags(0x0043, [0x2F, 0x39]),
    *private_tags(0x0065, [0x09, 0x37]),
    *private_tags(0x2001, [0x03]),
    *private_tags(0x2005, [0x11, 0xB0, 0xB1, 0xB2]),
    tag_of("DimensionIndexSequence"),
]
"""What `traits` and `b_value` need of a header."""

TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2}(?:\.\d+)?)?")
DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")

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
    groups, owned = groups_of(dataset, frame), owners(dataset, PRIVATE)
    said = {trait: _said(dataset, groups, trait) for trait in TRAITS}
    said["dimensions"] = _dimensions(dataset, groups)
    if owned:
        said["direction"] = said["direction"] or _direction(dataset, owned)
        said["component"] = said["component"] or _component(dataset, owned)
    said["object"] = text(dataset, tag_of("SOPInstanceUID")) if is_one_of_many else None
    said["acquired"] = _acquired(dataset, groups)
    said["content"] = seconds(text(dataset, CONTENT[0]), text(dataset, CONTENT[1]))
    return tuple(said.values())


def b_value(dataset: Dataset, frame: int) -> float | None:
    """Diffusion weighting in s/mm² (C.8.13.5.9), or as Siemens, GE, Philips or United Imaging say it."""
    found = _in_group(groups_of(dataset, frame), "MRDiffusionSequence", B_VALUE, "FD")
    found = value(dataset, B_VALUE, "FD") if found is None else found
    owned = owners(dataset, PRIVATE) if found is None else {}
    for group, creator, element, vr in (
        (0x0019, SIEMENS, 0x0C, "IS"),
        (0x0043, GE, 0x39, "IS"),
        (0x2001, PHILIPS, 0x03, "FL"),
        (0x0065, UNITED, 0x09, "FD"),
    ):
        found = private(dataset, owned, group, creator, element, vr) if found is None else found
    first = found[0] if isinstance(found, tuple) else found
    return first % GE_OFFSET if isinstance(first, float) else None


def echo_ms(dataset: Dataset, frame: int) -> float | None:
    """Effective Echo Time (C.8.13.5.4), or Echo Time."""
    found = _in_group(groups_of(dataset, frame), "MREchoSequence", EFFECTIVE_ECHO_TIME, "FD")
    found = value(dataset, ECHO_TIME, "DS") if found is None else found
    return found if isinstance(found, float) else None


def _in_group(groups: Sequence[Dataset], group: str, tag: BaseTag, vr: str) -> Value:
    """The value of an element in a functional group, of the frame or shared."""
    items = (item for one in groups for item in one.get(group) or [])
    return next((found for item in items if (found := value(item, tag, vr)) is not None), None)


def _said(dataset: Dataset, groups: Sequence[Dataset], trait: str) -> Value:
    for group, tag, vr in IN_GROUPS.get(trait, []) if groups else []:
        found = _in_group(groups, group, tag, vr)
        if found is not None:
            return found
    if groups and trait == "direction":
        return _in_nested(groups)
    for tag, vr in IN_HEADER.get(trait, []):
        found = value(dataset, tag, vr)
        if found is not None:
            return found
    return None


def _in_nested(groups: Sequence[Dataset]) -> Value:
    """The direction of diffusion weighting, in the sequence of a functional group."""
    outer = (item for one in groups for item in one.get("MRDiffusionSequence") or [])
    inner = [item for one in outer for item in one.get("DiffusionGradientDirectionSequence") or []]
    return value(inner[0], DIRECTION, "FD") if inner else None


def _dimensions(dataset: Dataset, groups: Sequence[Dataset]) -> Value:
    """The indices of an enhanced frame (C.7.6.17) in all dimensions but those of its place."""
    if not groups:
        return None
    found = _in_group(groups, "FrameContentSequence", DIMENSION_VALUES, "UL")
    indices = found if isinstance(found, tuple) else (found,)
    pointers = [item.get("DimensionIndexPointer") for item in dataset.get("DimensionIndexSequence") or []]
    if len(indices) != len(pointers):
        return None
    return tuple(i for i, tag in zip(indices, pointers, strict=True) if isinstance(i, float) and tag not in OF_PLACE)


def _direction(dataset: Dataset, owned: Owners) -> Value:
    """The direction of diffusion weighting, as vendors say it."""
    for group, creator, element in ((0x0019, SIEMENS, 0x0E), (0x0065, UNITED, 0x37)):
        found = private(dataset, owned, group, creator, element, "FD")
        if found is not None:
            return found
    for group, creator, elements, vr in (
        (0x0019, GE_ACQUISITION, (0xBB, 0xBC, 0xBD), "DS"),
        (0x2005, PHILIPS_MR, (0xB0, 0xB1, 0xB2), "FL"),
    ):
        parts = [private(dataset, owned, group, creator, element, vr) for element in elements]
        numbers = tuple(part for part in parts if isinstance(part, float))
        if len(numbers) == 3:
            return numbers
    return None


def _component(dataset: Dataset, owned: Owners) -> Value:
    """Magnitude, phase, real or imaginary, as GE and Philips say it."""
    found = private(dataset, owned, 0x0043, GE, 0x2F, "SS")
    return private(dataset, owned, 0x2005, PHILIPS_MR, 0x11, "CS") if found is None else found


def _acquired(dataset: Dataset, groups: Sequence[Dataset]) -> Value:
    """When the frame was acquired, s."""
    items = (item for one in groups for item in one.get("FrameContentSequence") or [])
    own = (text(item, FRAME_ACQUIRED) for item in items)
    whole = next(filter(None, own), "") or text(dataset, ACQUIRED[0])
    found = seconds(whole[:8], whole[8:])
    return seconds(text(dataset, ACQUIRED[1]), text(dataset, ACQUIRED[2])) if found is None else found


def seconds(date: str, time: str) -> float | None:
    """Seconds from DA and TM (PS3.5 6.2); of the day where the date is none, None where the time is none.

    >>> seconds("", "101112.5"), seconds("19700102", "00:00:01"), seconds("", "12")
    (36672.5, 62135769601.0, 43200.0)
    """
    parts = TIME.match(time)
    if parts is None:
        return None
    hours, minutes, rest = (float(part or 0) for part in parts.groups())
    day = DATE.match(date)
    try:
        days = datetime.date(*map(int, day.groups())).toordinal() if day else 0
    except ValueError:
        days = 0
    return days * 86400.0 + hours * 3600 + minutes * 60 + rest

"""DICOM: images that are no slice of a patient: captured screens, pages of dose, renderings and composites.

A single header tells some of them (`what_else`); of others only their study tells, where they lie nowhere among slices
that have a place (`without_pages` in scans/captures.py).
"""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from medattngan.scans.formats.dicom_elements import texts

CAPTURE_TAGS = ["SOPClassUID", "ImageType", "Modality", "VolumeBasedCalculationTechnique", "SyntheticData"]

PAGES = re.compile(
    r"(?<![A-Z])(SCREEN[ _-]?(SAVE|SHOT|CAP|COPY|DUMP|GRAB)|DOSE[ _-]?(INFO|REPORT|RECORD|SUMMARY|PAGE)|SR[ _-]?CAPTURE"
    r"|KEY[ _-]?IMAGE|EXAM[ _-]?SUMMARY|POSDISP|COLLAGE|MONTAGE"
    r"|((REPORT|PROT|PROTOCOL|GRAPH|CURVE|HISTOGRAM)(?![A-Z])))"
)
"""In values of Image Type (C.7.6.1.1.2): what vendors call captured screens and pages."""

COMPOSITES = {
    "MIP", "MINIP", "MNIP", "VRT", "VR", "SSD", "CPR", "REPROJECTION", "RENDERED", "RENDERING", "COMPOSED", "COMPOSITE",
    "PASTED", "MAX_IP", "MIN_IP", "MAX IP", "MIN IP", "VOLUME_RENDER", "VOLUME RENDER", "SURFACE_RENDER", "CURVED_MPR",
}  # fmt: skip
"""Many slices in one: values of Image Type, words in them, or of Volume Based Calculation Technique (C.8.16.2.1.4)."""

SECONDARY_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
"""Secondary Capture Image Storage; its multi-frame kinds follow as .1 to .4."""

IN_SLICES = {"CT", "MR", "PT"}
"""Modalities whose images lie somewhere in the patient."""


def what_else(dataset: Dataset, placed: bool) -> str | None:
    """Why an image is no slice, as a reason to set it aside; None where its own header has nothing against it.

    Args:
        placed: whether it has a place in the patient.
    """
    kinds = {kind.upper() for kind in texts(dataset, "ImageType")}
    kinds |= {kind.upper() for kind in texts(dataset, "VolumeBasedCalculationTechnique")}
    words = kinds | {word for kind in kinds for word in re.split("[^A-Z0-9]+", kind)}
    if any(map(PAGES.search, kinds)) or (not placed and _is_in_slices(dataset) and _is_secondary_capture(dataset)):
        return "screen-capture"
    projected = "PROJECTION" in words and _is_in_slices(dataset)
    return "composite" if projected or words & COMPOSITES else None


def is_page(dataset: Dataset, placed: bool) -> bool:
    """Whether an image would be a page among slices: it lies nowhere, and is no radiograph, ultrasound or the like."""
    return not placed and (_is_secondary_capture(dataset) or _is_in_slices(dataset))


def _is_in_slices(dataset: Dataset) -> bool:
    return "".join(texts(dataset, "Modality")[:1]).upper() in IN_SLICES


def _is_secondary_capture(dataset: Dataset) -> bool:
    """Whether the SOP class is one of Secondary Capture (PS3.4 B.5), and no generator's way out."""
    synthetic = "".join(texts(dataset, "SyntheticData")[:1]).upper() == "YES"  # C.12.1: what a generator drew
    return not synthetic and "".join(texts(dataset, "SOPClassUID")[:1]).startswith(SECONDARY_CAPTURES)

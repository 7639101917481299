"""DICOM: images that are no slice of a patient: captured screens, pages of dose, renderings and composites.

A single header tells some of them (`what_else`); of others only their study tells, where they lie nowhere among slices
that have a place (`without_pages` in scans/captures.py).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from medattngan.scans.formats.dicom_elements import texts

CAPTURE_TAGS = ["SOPClassUID", "ImageType", "Modality", "VolumeBasedCalculationTechnique"]

SCREENS = {
    "SCREEN SAVE", "SCREENSAVE", "SCREEN_SAVE", "SCREEN CAPTURE", "SCREENCAPTURE", "SCREEN SHOT", "SCREENSHOT",
    "DOSE_INFO", "DOSE INFO", "DOSE REPORT", "DOSE_REPORT", "DOSEREPORT", "DOSE RECORD", "DOSE SUMMARY", "DOSE",
    "PATIENT PROTOCOL", "PROTOCOL", "PROT", "EXAM SUMMARY", "SUMMARY", "REPORT", "SR CAPTURE", "SR_CAPTURE", "POSDISP",
    "KEY IMAGE", "KEY_IMAGE", "COLLAGE", "MONTAGE", "GRAPH", "CURVE", "HISTOGRAM",
}  # fmt: skip
"""Values of Image Type (C.7.6.1.1.2) that vendors give to captured screens and pages."""

COMPOSITES = {
    "MIP", "MINIP", "MNIP", "MIN IP", "MAX IP", "MAX_IP", "MIN_IP", "MIP THICK", "PROJECTION IMAGE", "PROJECTION IMAG",
    "VRT", "VR", "SSD", "VOLUME_RENDER", "VOLUME RENDER", "VOLUME RENDERING", "SURFACE_RENDER", "3D RENDERING",
    "RENDERED", "COMPOSED", "COMPOSITE", "CURVED_MPR", "CPR",
}  # fmt: skip
"""Values of Image Type, and of Volume Based Calculation Technique (C.8.16.2.1.4), that tell of many slices in one."""

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
    technique = {kind.upper() for kind in texts(dataset, "VolumeBasedCalculationTechnique")}
    modality = "".join(texts(dataset, "Modality")[:1]).upper()
    if kinds & SCREENS or (is_secondary_capture(dataset) and not placed and modality in IN_SLICES):
        return "screen-capture"
    return "composite" if (kinds | technique) & COMPOSITES else None


def is_secondary_capture(dataset: Dataset) -> bool:
    """Whether the SOP class is one of Secondary Capture (PS3.4 B.5)."""
    return "".join(texts(dataset, "SOPClassUID")[:1]).startswith(SECONDARY_CAPTURES)

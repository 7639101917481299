"""What headers say of a slice, in words of closed lists: plane, modality, body part, sequence, height in the stack.

No text of a header is repeated: Body Part Examined (0018,0015) is looked up among the defined terms of DICOM PS3.16
Annex L, and Scanning Sequence (0018,0020), Repetition, Echo and Inversion Time (0018,0080..0082) become words here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pydicom

from medattngan.scans.series import READ_ERRORS, Series

BODY_PARTS = {
    "ABDOMEN": "abdomen", "ABDOMENPELVIS": "abdomen and pelvis", "ANKLE": "ankle", "AORTA": "aorta", "ARM": "arm",
    "BLADDER": "bladder", "BRAIN": "brain", "BREAST": "breast", "CAROTID": "carotid", "CERVIX": "cervix",
    "CHEST": "chest", "CHESTABDOMEN": "chest and abdomen", "CHESTABDPELVIS": "chest abdomen and pelvis",
    "CLAVICLE": "clavicle", "COCCYX": "coccyx", "CSPINE": "cervical spine", "EAR": "ear", "ELBOW": "elbow",
    "EXTREMITY": "extremity", "EYE": "eye", "FINGER": "finger", "FOOT": "foot", "HAND": "hand", "HEAD": "head",
    "HEADNECK": "head and neck", "HEART": "heart", "HIP": "hip", "IAC": "internal auditory canal", "JAW": "jaw",
    "KIDNEY": "kidney", "KNEE": "knee", "LEG": "leg", "LIVER": "liver", "LSPINE": "lumbar spine", "LUNG": "lung",
    "MANDIBLE": "mandible", "NECK": "neck", "ORBIT": "orbit", "PANCREAS": "pancreas", "PELVIS": "pelvis",
    "PROSTATE": "prostate", "RIB": "rib", "SHOULDER": "shoulder", "SINUS": "sinus", "SKULL": "skull",
    "SPINE": "spine", "SSPINE": "sacral spine", "STERNUM": "sternum", "THIGH": "thigh", "THYROID": "thyroid",
    "TSPINE": "thoracic spine", "UTERUS": "uterus", "WHOLEBODY": "whole body", "WRIST": "wrist",
}  # fmt: skip
SEQUENCES = {"SE": "spin echo", "IR": "inversion recovery", "GR": "gradient echo", "EP": "echo planar"}
"""Defined terms of Scanning Sequence, PS3.3 C.8.3.1.1.1; RM says nothing."""
MODALITIES = {
    "CT": "ct", "MR": "mr", "PT": "pet", "NM": "scintigraphy", "US": "ultrasound", "CR": "radiograph",
    "DX": "radiograph", "MG": "mammogram", "XA": "angiogram",
}  # fmt: skip
THIRDS = {
    "axial": ("lower", "middle", "upper"),
    "coronal": ("posterior", "middle", "anterior"),
    "sagittal": ("left", "middle", "right"),
}
"""Of a stack, along its positions, which grow towards superior, anterior, right."""
_TAGS = ["BodyPartExamined", "ScanningSequence", "RepetitionTime", "EchoTime", "InversionTime"]


def attributes(series: Series, plane: str, position_mm: float, span_mm: tuple[float, float]) -> str:
    """What is known of one slice, as a caption.

    Args:
        series: whose first piece is asked.
        plane, position_mm: of the slice as it is stored.
        span_mm: the positions of the first and the last slice of its series.
    """
    header = _of_header(series.pieces[0].path) if series.format == "dicom" else ()
    said = [plane if plane in THIRDS else "", MODALITIES.get(series.modality, ""), *header]
    return " ".join(word for word in (*said, third(plane, position_mm, span_mm)) if word)


def third(plane: str, position_mm: float, span_mm: tuple[float, float]) -> str:
    """Which third of its stack a slice is in, empty where that is unknown.

    >>> third("axial", 10.0, (0.0, 90.0)), third("coronal", 90.0, (0.0, 90.0)), third("acquired", 0.0, (0.0, 1.0))
    ('lower third', 'anterior third', '')
    """
    low, high = span_mm
    if plane not in THIRDS or not math.isfinite(position_mm) or not high > low:
        return ""
    return f"{THIRDS[plane][min(2, int(3 * (position_mm - low) / (high - low)))]} third"


@lru_cache(maxsize=4096)
def _of_header(path: Path) -> tuple[str, ...]:
    """Body part and sequence of a DICOM file; nothing where it does not say."""
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=True)
        part = str(dataset.get("BodyPartExamined") or "").strip().upper().replace(" ", "")
        kinds = dataset.get("ScanningSequence") or ()
        sequence = [kinds] if isinstance(kinds, str) else list(kinds)
        times = [_ms(dataset.get(name)) for name in ("RepetitionTime", "EchoTime", "InversionTime")]
    except READ_ERRORS:
        return ()
    return tuple(word for word in (BODY_PARTS.get(part, ""), weighting(*times), *map(_sequence, sequence)) if word)


def _sequence(term: Any) -> str:
    return SEQUENCES.get(str(term).strip().upper(), "")


def _ms(value: Any) -> float:
    """A time in ms; NaN where there is none."""
    first = value[0] if isinstance(value, Sequence) and not isinstance(value, str) and value else value
    return math.nan if first in (None, "", []) else float(first)


def weighting(repetition_ms: float, echo_ms: float, inversion_ms: float) -> str:
    """T1, T2 or FLAIR where the times of a spin echo leave no doubt, else empty.

    Short repetition and echo weight by T1, long ones by T2, and an inversion of about two seconds before a long echo
    nulls fluid (Bushberg et al., The Essential Physics of Medical Imaging, 3rd ed., 12.4).

    >>> weighting(500, 12, float("nan")), weighting(4000, 100, float("nan")), weighting(9000, 110, 2500)
    ('T1', 'T2', 'FLAIR')
    """
    if echo_ms >= 70 and 1500 <= inversion_ms <= 3500:
        return "FLAIR"
    if echo_ms >= 70 and repetition_ms >= 2000:
        return "T2"
    return "T1" if echo_ms <= 25 and 250 <= repetition_ms <= 900 else ""

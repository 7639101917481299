"""DICOM: what an MR frame says of its sequence (see `scans.sequence`). Nothing of its words leaves this module."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.dataset import Dataset

from medattngan.scans.formats.dicom_groups import grouped
from medattngan.scans.formats.dicom_said import tag_of, text
from medattngan.scans.sequence import Said, sequence
from medattngan.scans.series import Value, first_number

SEQUENCE_TAGS = ["SeriesDescription", "ProtocolName", "AcquisitionContrast", "ScanningSequence"]
"""What is read of a header beside the traits."""

_WORDS = [tag_of(keyword) for keyword in ("SeriesDescription", "ProtocolName")]
_CONTRAST, _KINDS = map(tag_of, ("AcquisitionContrast", "ScanningSequence"))
_NO_AGENT = {"", "NO", "NONE", "N", "0"}


def mr_sequence(
    dataset: Dataset, frame: int, kind: str, traits: Mapping[str, Value], echo: float | None, b: float | None
) -> str:
    """A key of `SEQUENCES`; empty where the modality is not MR.

    Args:
        kind: Image Type from its third value on.
        traits: what the frame says of itself, by the names of `TRAITS`.
        echo: echo time, ms.
        b: diffusion weighting, s/mm².
    """
    if str(dataset.get("Modality") or "").strip().upper() != "MR":
        return ""
    contrast = grouped(dataset, frame, "MRImageFrameTypeSequence", "AcquisitionContrast")
    return sequence(
        Said(
            words=" ; ".join([*(text(dataset, tag) for tag in _WORDS), kind]),
            contrast=str(contrast or text(dataset, _CONTRAST)),
            kinds=text(dataset, _KINDS).upper(),
            echo_ms=echo,
            repetition_ms=first_number(traits["repetition"]),
            inversion_ms=first_number(traits["inversion"]),
            flip_deg=first_number(traits["flip"]),
            b_value=b,
            agent=str(traits["contrast"] or "").strip().upper() not in _NO_AGENT,
        )
    )

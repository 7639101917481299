"""What a volume's name, or the JSON file that dcm2niix and BIDS put beside it, says of its MR sequence.

https://bids-specification.readthedocs.io/en/stable/modality-specific-files/magnetic-resonance-imaging-data.html
Times are in seconds there. Of all that such a file may hold nothing but the sequence is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medattngan.scans.sequence import OTHER, Said, by_name, sequence

LARGEST = 1 << 20
"""Bytes; a sidecar has some thousands."""


def named_sequence(path: Path, relative: str) -> str:
    """A key of `SEQUENCES`, or empty: by the file's name or its folders', else by the file beside it."""
    found = by_name(relative)
    if found:
        return found
    told = sequence(_said(_beside(path)))
    return "" if told == OTHER else told


def _beside(path: Path) -> Mapping[str, Any]:
    """The sidecar of a volume; empty where there is none that can be read: it only ever adds."""
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    try:
        if not beside.is_file() or beside.stat().st_size > LARGEST:
            return {}
        found = json.loads(beside.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _said(told: Mapping[str, Any]) -> Said:
    kind = told.get("ImageType")
    kinds = told.get("ScanningSequence")
    return Said(
        words=" ; ".join(
            [str(told.get("SeriesDescription", "")), str(told.get("ProtocolName", "")),
             *(map(str, kind[2:]) if isinstance(kind, list) else [])]
        ),
        kinds=" ".join(map(str, kinds)) if isinstance(kinds, list) else str(kinds or ""),
        echo_ms=_ms(told.get("EchoTime")),
        repetition_ms=_ms(told.get("RepetitionTime")),
        inversion_ms=_ms(told.get("InversionTime")),
        flip_deg=_number(told.get("FlipAngle")),
        agent=bool(told.get("ContrastBolusIngredient")),
    )  # fmt: skip


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ms(value: object) -> float | None:
    seconds = _number(value)
    return None if seconds is None else 1000 * seconds

"""What a DICOMweb server answers: DICOM JSON (PS3.18 F.2), Store Instances Response (PS3.18 I.2), Retry-After."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from medattngan.pacs.http import Answer
from medattngan.pacs.outcomes import Outcome, reason, refusal

AFFECTED, STORED, FAILED = "00081155", "00081199", "00081198"
FAILURE_REASON, WARNING_REASON = "00081197", "00081196"
_SECONDS = re.compile(r"[0-9]{1,9}")
_CODE = re.compile(r"[0-9]{1,5}")
_DATE_LENGTH = 64
"""Characters; an HTTP date has 29."""


def read_answer(answer: Answer) -> dict[str, Outcome]:
    """What a Store Instances Response (PS3.18 I.2) says, by SOP Instance UID; nothing where it is none."""
    outcomes: dict[str, Outcome] = {}
    for item in json_list(answer):
        for stored in _items(item, STORED):
            codes = _codes(stored, WARNING_REASON)
            detail = f"with a warning: {reason(codes[0])}" if codes and codes[0] else ""
            outcomes |= {uid: Outcome("stored", detail) for uid in texts(stored, AFFECTED)}
        for failed in _items(item, FAILED):
            codes = _codes(failed, FAILURE_REASON)
            outcome = refusal(codes[0]) if codes else Outcome("refused", "the server gives no reason")
            outcomes |= dict.fromkeys(texts(failed, AFFECTED), outcome)
    return outcomes


def retry_after_s(value: str | None) -> float:
    """Seconds that `Retry-After` (RFC 9110 10.2.3) asks for; 0 where it asks for nothing that can be understood.

    >>> retry_after_s("7"), retry_after_s(None), retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT")
    (7.0, 0.0, 0.0)
    >>> [retry_after_s(odd) for odd in ("²", "-5", "1e9", "Fri, 31 Dec 99999999999 23:59:59 GMT")]
    [0.0, 0.0, 0.0, 0.0]
    """
    text = (value or "").strip(" \t")
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text[:_DATE_LENGTH])
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):  # what the parser raises on a date that is none
        return 0.0


def read_json(answer: Answer) -> Any:
    """The JSON of an answer; None where it is none, an empty list where it is empty."""
    try:
        return json.loads(answer.content or b"[]")
    except (ValueError, RecursionError):
        return None


def json_list(answer: Answer) -> list[dict[str, Any]]:
    """The DICOM JSON objects of an answer; none where it holds something else."""
    value = read_json(answer)
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def _values(item: dict[str, Any], tag: str) -> list[Any]:
    """The values of an attribute in the DICOM JSON Model (PS3.18 F.2); none where it is missing."""
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _items(item: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    return [value for value in _values(item, tag) if isinstance(value, dict)]


def texts(item: dict[str, Any], tag: str) -> list[str]:
    """The values of an attribute that are text."""
    return [value for value in _values(item, tag) if isinstance(value, str)]


def _codes(item: dict[str, Any], tag: str) -> list[int]:
    """Unsigned 16-bit numbers, of which a few servers make text; anything else is no code."""
    written = [str(value) for value in _values(item, tag) if isinstance(value, int | str)]
    return [int(text) for text in written if _CODE.fullmatch(text) and int(text) <= 0xFFFF]

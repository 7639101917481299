"""DICOM: single values of a header as plain numbers or text, private ones by their creator (PS3.5 7.8.1).

They are taken from the bytes: what is only compared need not become one of pydicom's objects, and no value is too odd.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from medattngan.scans.series import Value

NUMBERS = {"FD": "d", "FL": "f", "US": "H", "SS": "h", "UL": "I", "SL": "i"}
BLOCKS = range(0x10, 0x14)
"""Where private blocks are looked for: writers take the first that are free."""


def value(dataset: Dataset, tag: BaseTag, vr: str) -> Value:
    """The value of `tag`: a number, several, or text; None where there is none.

    Args:
        vr: its value representation, for files that do not name it (implicit, or UN).
    """
    element = dataset.get_item(tag)
    if element is None:
        return None
    kind = vr if element.VR in (None, "UN") else element.VR
    if not isinstance(element, RawDataElement):
        return plain(element.value)
    if kind not in NUMBERS:
        return plain(text(dataset, tag).split("\\"))
    raw = element.value or b""
    code = NUMBERS[kind]
    count = len(raw) // struct.calcsize(code)
    order = "<" if element.is_little_endian else ">"
    return plain(struct.unpack(f"{order}{count}{code}", raw[: count * struct.calcsize(code)]))


def text(dataset: Dataset, tag: BaseTag) -> str:
    """The value of `tag` as it is written, empty where there is none."""
    element = dataset.get_item(tag)
    found = None if element is None else element.value
    return (found.decode("latin-1") if isinstance(found, bytes) else str(found or "")).strip(" \0")


Owners: TypeAlias = dict[tuple[int, str], int]
"""(group, creator) → block."""


def owners(dataset: Dataset, groups: Sequence[int]) -> Owners:
    """Who reserved which private block of `groups`."""
    found: Owners = {}
    for group in groups:
        for block in BLOCKS:
            tag = BaseTag((group << 16) | block)
            if dataset.get_item(tag) is not None:
                found.setdefault((group, text(dataset, tag)), block)
    return found


def private(dataset: Dataset, owned: Owners, group: int, creator: str, element: int, vr: str) -> Value:
    """The value of a private element, in whichever block its creator reserved."""
    block = owned.get((group, creator))
    return None if block is None else value(dataset, private_tag(group, block, element), vr)


def private_tag(group: int, block: int, element: int) -> BaseTag:
    """The tag of an element of a private block."""
    return BaseTag((group << 16) | (block << 8) | element)


def private_tags(group: int, elements: Sequence[int]) -> list[BaseTag]:
    """All that must be read of a file for `private` to find `elements`."""
    reserved = [BaseTag((group << 16) | block) for block in BLOCKS]
    return reserved + [private_tag(group, block, element) for block in BLOCKS for element in elements]


def plain(found: Any) -> Value:
    """One number, several, or text.

    >>> plain(["1.50"]), plain(["0", "1"]), plain("B30f "), plain(["", ""])
    (1.5, (0.0, 1.0), 'B30f', None)
    """
    several = list(found) if isinstance(found, Sequence) and not isinstance(found, str | bytes) else [found]
    words = [str(one).strip(" \0") for one in several if one is not None]
    if not any(words):
        return None
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        return "\\".join(words)
    if not all(math.isfinite(number) for number in numbers):
        return "\\".join(words)
    return numbers[0] if len(numbers) == 1 else numbers


def tag_of(keyword: str) -> BaseTag:
    """The tag of a keyword of the standard."""
    return Tag(keyword)

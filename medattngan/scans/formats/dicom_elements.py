"""DICOM: single elements read by what they plainly mean, so that one odd value costs no more than itself.

Scanners, converters and anonymisers write `3,0`, `3.0 mm`, `IM01` or `N/A` where PS3.5 6.2 asks for a number. What
plainly means a number is read as it; what does not, and is not needed, counts as absent; what the values or the places
of pixels hang on sets the file aside, since any number in its stead would be made up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from medattngan.scans.series import READ_ERRORS, SetAside

NEEDED = {
    "RescaleSlope", "RescaleIntercept", "PixelSpacing", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "PixelRepresentation", "SamplesPerPixel", "NumberOfFrames",
}  # fmt: skip
"""What no pixel can be understood without: where it is there it has to be a number."""

COUNTS = NEEDED - {"RescaleSlope", "RescaleIntercept", "PixelSpacing"}
"""Those that are whole numbers, whatever VR they are written with."""

TEXT_NUMBERS, BINARY_NUMBERS = {"DS", "IS"}, {"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "US or SS"}
_LISTS = {"PixelPaddingValue"}
"""Elements of which several values are heeded, though the standard knows one."""

_OR_NAN = {"FloatPixelPaddingValue", "DoubleFloatPixelPaddingValue"}
"""Elements that may say that it is no number that they mean."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?:mm|ms|hu|s/mm\^?2)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d+)\s*(mm|ms|hu)?", re.IGNORECASE)
_SEPARATORS = (";", r",\s", r"\s+", ",")
_BLANK = " \0\t\r\n"
_CONVERSION_ERRORS = (*READ_ERRORS, ArithmeticError)


def mend(dataset: Dataset, tags: Iterable[BaseTag]) -> None:
    """Put elements of numbers in order, in place: each is then absent, empty, or made of finite numbers.

    Args:
        tags: of the elements to look at, where they are there and are of numbers.

    Raises:
        SetAside: one of NEEDED is there and is no number.
    """
    for tag in tags:
        kind = _kind(int(tag))
        if kind is not None and dataset.get_item(tag) is not None:
            _mended(dataset, tag, kind)
    colours = dataset.get("PhotometricInterpretation")
    if isinstance(colours, str) and colours != colours.strip(_BLANK).upper():
        dataset.PhotometricInterpretation = colours.strip(_BLANK).upper()


def element(dataset: Dataset, name: str) -> Any:
    """The value of an element, by its keyword; None where there is none. Numbers are mended in place.

    Raises:
        SetAside: it is one of NEEDED, and is there, and is no number.
    """
    tag = Tag(tag_for_keyword(name) or 0)
    if tag not in dataset:
        return None
    kind = _kind(int(tag))
    return _value(dataset, tag) if kind is None else _mended(dataset, tag, kind)


def _value(dataset: Dataset, tag: BaseTag) -> Any:
    """As pydicom reads it; where it cannot, the bytes, or `?` for those of a binary number."""
    try:
        return dataset[tag].value
    except _CONVERSION_ERRORS:
        raw = dataset.get_item(tag)
        return raw.value if isinstance(raw, RawDataElement) and raw.VR not in BINARY_NUMBERS else b"?"


def _mended(dataset: Dataset, tag: BaseTag, kind: tuple[str, int]) -> Any:
    value = _value(dataset, tag)
    keyword, count = kind
    if _is_sound(value, count) and not (keyword in COUNTS and isinstance(value, float)):
        return value
    numbers = plain_numbers(value, count)
    if numbers and count == 1 and keyword not in _LISTS:
        numbers = numbers[:1] if keyword not in NEEDED or len(set(numbers)) == 1 else None
    if not numbers or (count > 1 and len(numbers) != count):
        if numbers != [] and keyword in NEEDED:
            raise SetAside("bad-value")
        del dataset[tag]
        return None
    whole = [int(number) if number.is_integer() else number for number in numbers]
    dataset[tag] = DataElement(tag, "FD", whole[0] if len(whole) == 1 else whole)
    return dataset[tag].value


def texts(dataset: Dataset, keyword: str) -> list[str]:
    """The values of an element of text, whatever VR it is written with, without blanks at their ends; [] for none."""
    value = element(dataset, keyword)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    values = value.split("\\") if isinstance(value, str) else [value] if isinstance(value, int | float) else value or []
    stripped = [str(one).strip(_BLANK) for one in values]
    return [one for one in stripped if one]


def plain_numbers(value: Any, count: int = 1) -> list[float] | None:
    """What a value plainly means as numbers; [] for nothing, None for what is no number, or could be two.

    Args:
        value: text, bytes, a number or several of them.
        count: how many numbers there should be, where that is known, else 0.

    >>> plain_numbers("3,0"), plain_numbers("3.0 mm"), plain_numbers("IM01"), plain_numbers(" ")
    ([3.0], [3.0], None, [])
    >>> plain_numbers("0,75\\\\0,75", 2), plain_numbers("0.75, 0.75", 2), plain_numbers("0,75", 2)
    ([0.75, 0.75], [0.75, 0.75], [0.75])
    >>> plain_numbers("1,024") is None  # a thousand, or one and a bit?
    True
    """
    if value is None:
        return []
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("latin-1")
    if isinstance(value, str):
        parts: Sequence[Any] = _parts(value.strip(_BLANK), count)
    else:
        parts = list(value) if isinstance(value, list | tuple | MultiValue) else [value]
    if all(isinstance(part, str) and not part.strip(_BLANK) for part in parts):
        return []
    numbers = [_one(part) for part in parts]
    found = [number for number in numbers if number is not None]
    return found if len(found) == len(numbers) else None


def _parts(text: str, count: int) -> list[str]:
    """The values in a text: by backslashes, as PS3.5 6.4 has it, or by what stands for them where several are due."""
    if not text:
        return []
    parts = [part.strip(_BLANK) for part in text.split("\\")]
    if len(parts) > 1 or count < 2:
        return parts
    for separator in _SEPARATORS:
        parts = [part.strip(_BLANK) for part in re.split(separator, text)]
        unclear = separator == "," and count == 2 and not all("." in part for part in parts)  # one number or two?
        if len(parts) == count and not unclear:
            return parts
    return [text]


def _one(part: Any) -> float | None:
    if isinstance(part, bytes):
        part = part.decode("latin-1")
    if isinstance(part, str):
        text = part.strip(_BLANK)
        plain, comma = _NUMBER.fullmatch(text), _DECIMAL_COMMA.fullmatch(text)
        if plain is None and comma is not None:
            whole, rest, _ = comma.groups()
            if len(rest) == 3 and whole.lstrip("+-0"):
                return None  # a thousand, or a decimal?
            return float(f"{whole or 0}.{rest}")
        if plain is None:
            return None
        part = plain.group(1)
    try:
        number = float(part)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


@lru_cache(maxsize=4096)
def _kind(tag: int) -> tuple[str, int] | None:
    """(keyword, how many values; 0 where that is open) of an element of numbers; None of any other."""
    keyword = keyword_for_tag(tag)
    if not keyword or keyword in _OR_NAN or dictionary_VR(tag) not in TEXT_NUMBERS | BINARY_NUMBERS:
        return None
    count = dictionary_VM(tag)
    return keyword, int(count) if count.isdigit() else 0


def _is_sound(value: Any, count: int) -> bool:
    """Whether pydicom's own reading is what the standard asks for; or nothing, which needs no mending."""
    if isinstance(value, MultiValue):
        right = count in (0, len(value))
        return right and all(isinstance(one, int | float) and math.isfinite(one) for one in value)
    if isinstance(value, int | float):
        return count < 2 and math.isfinite(value)
    return value is None or (isinstance(value, str) and not value)

"""DICOM: from stored numbers to the numbers of the modality, and the unit of those (PS3.3 C.11.1).

The one place that says whether, how and to what an image is rescaled. Real World Value Mapping (C.7.6.16.2.11) is not
this: it tells of a second quantity beside the image's own, and is not heeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import UID

from medattngan.scans.formats.dicom_elements import element, texts
from medattngan.scans.formats.dicom_groups import items
from medattngan.scans.series import SetAside

RESCALE_TAGS = ["RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "MultienergyCTAcquisition"]
"""What `rescale` asks a header for, beside its functional groups and Modality."""

Table: TypeAlias = tuple[int, npt.NDArray[np.float64]]
"""The first stored number that is mapped, and what it and those after it become; those beyond take the nearest."""

HOUNSFIELD, ARBITRARY = "HU", "a.u."


@dataclass(frozen=True, slots=True)
class Rescale:
    """Stored numbers → slope * stored + intercept, or what a table says. `unit` is `HU` or `a.u.`."""

    unit: str
    slope: float = 1.0
    intercept: float = 0.0
    table: Table | None = None

    def apply(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The numbers of the modality for stored ones of any shape."""
        if self.table is not None:
            first, values = self.table
            return values[np.clip(stored.astype(np.int64) - first, 0, len(values) - 1)]
        if (self.slope, self.intercept) == (1.0, 0.0):
            return stored
        return stored * self.slope + self.intercept


def rescale(dataset: Dataset, frame: int) -> Rescale:
    """How the stored numbers of a frame become those of the modality.

    An absent slope is 1 and an absent intercept 0, each alone. The unit is HU where Rescale Type or Modality LUT Type
    says so, and for a CT that is rescaled without a type (C.8.2.1.1.2; not if it is multi-energy, whose values may be
    anything, C.8.2.1).

    Raises:
        SetAside: the slope is 0, or slope or intercept is no number.
    """
    places = [*items(dataset, frame, "PixelValueTransformationSequence"), dataset]
    tables = dataset.get("ModalityLUTSequence")
    if tables:
        unit = _unit(dataset, _said(tables[0], "ModalityLUTType") or {"US"}, True)
        return Rescale(unit, table=_table(dataset))
    for item in places:
        slope, intercept = element(item, "RescaleSlope"), element(item, "RescaleIntercept")
        if slope is not None or intercept is not None or item is dataset:
            break
    if slope == 0:
        raise SetAside("bad-value")
    unit = _unit(dataset, _said(item, "RescaleType"), slope is not None or intercept is not None)
    return Rescale(unit, 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept))


def rescale_types(dataset: Dataset, frame: int) -> set[str]:
    """What the values of a frame are said to be, in capitals: HU, Z_EFF, … (C.11.1.1.2); else nothing."""
    places = [*items(dataset, frame, "PixelValueTransformationSequence"), dataset]
    return next((kind for item in places if (kind := _said(item, "RescaleType"))), set())


def _unit(dataset: Dataset, kind: set[str], rescaled: bool) -> str:
    of_ct = rescaled and {"CT"} == _said(dataset, "Modality") and {"YES"} != _said(dataset, "MultienergyCTAcquisition")
    return HOUNSFIELD if kind == {"HU"} or (not kind and of_ct) else ARBITRARY


def _said(dataset: Dataset, keyword: str) -> set[str]:
    return {text.upper() for text in texts(dataset, keyword)}


def _table(dataset: Dataset) -> Table:
    """The modality LUT. The first number that it maps has the sign of the stored ones, whatever VR is written."""
    item, signed = dataset.ModalityLUTSequence[0], dataset.get("PixelRepresentation") == 1
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    data, entries = item.LUTData, entries or 2**16
    if isinstance(data, bytes):
        byte_order = "<" if UID(dataset.file_meta.TransferSyntaxUID).is_little_endian else ">"
        data = np.frombuffer(data, "u1" if bits <= 8 and len(data) < 2 * entries else f"{byte_order}u2")
    values = np.asarray(data, np.float64)[:entries]
    if len(values) < entries:
        raise SetAside("unreadable")
    return signed_16(first) if signed else first, values


def signed_16(number: float) -> int:
    """The number whose 16 bits, read without a sign, are `number`; others as they are.

    >>> signed_16(63536), signed_16(-2000), signed_16(12)
    (-2000, -2000, 12)
    """
    return int(np.uint16(int(number) & 0xFFFF).astype(np.int16)) if 0x8000 <= number <= 0xFFFF else int(number)

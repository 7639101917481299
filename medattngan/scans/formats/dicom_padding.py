"""DICOM: which pixels are padding (PS3.3 C.7.5.1.1.2), and numbers out of the bits that hold them (C.7.6.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless
from scipy import ndimage

from medattngan.scans.formats.dicom_codecs import DECODERS
from medattngan.scans.formats.dicom_elements import element, plain_numbers
from medattngan.scans.formats.dicom_rescale import HOUNSFIELD, Rescale, signed_16
from medattngan.scans.options import AIR_HU

_OF_FLOATS = (
    ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
)


def unpacked(dataset: Dataset, container: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The numbers in the stored bits: what lies above High Bit, as overlays do, or below the lowest is cut off.

    Codecs, but for RLE, hand over the numbers in the lowest bits, wherever they were.

    >>> one = Dataset()
    >>> one.file_meta = Dataset()
    >>> one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    >>> one.BitsStored, one.HighBit = 12, 15
    >>> unpacked(one, np.array([0x7FF3, -0x8000], np.int16)).tolist()
    [2047, -2048]
    """
    if container.dtype.kind not in "iu":
        return container
    allocated, bits = container.dtype.itemsize * 8, int(dataset.BitsStored)
    if bits >= allocated:
        return container
    high = element(dataset, "HighBit")
    coded = dataset.file_meta.TransferSyntaxUID in DECODERS and dataset.file_meta.TransferSyntaxUID != RLELossless
    if high is None or coded or not bits - 1 <= high < allocated:
        high = bits - 1
    shifted: npt.NDArray[Any] = (container << (allocated - 1 - int(high))) >> (allocated - bits)
    return shifted


def padding(
    dataset: Dataset, container: npt.NDArray[Any], stored: npt.NDArray[Any], scale: Rescale
) -> npt.NDArray[np.bool_]:
    """Where a grey frame is padded, (rows, columns).

    The value has the sign of the pixels, whatever VR it is written with. Outside of the stored bits it is looked for
    in what holds them. A value that other pixels lie on both sides of may be that of tissue as well, unless it is below
    air: then only a patch of it that fills a corner is padding, which is what padding to a rectangle leaves.

    Args:
        container: the pixels with all their bits.
        stored: the numbers in their stored bits.
        scale: what becomes of those.
    """
    mask = np.zeros(stored.shape, bool)
    for low, high in _ranges(dataset, stored):
        held = container if _beyond_bits(dataset, low, high, stored.dtype) else stored
        one = np.isnan(stored) if np.isnan(low) else (held >= low) & (held <= high)
        if not one.any():
            continue
        below_air = scale.unit == HOUNSFIELD and scale.apply(np.array([low, high])).max() < AIR_HU
        amid = not below_air and bool((stored[~one] < low).any() and (stored[~one] > high).any())
        mask |= _of_corners(one) if amid else one
    return mask


def _ranges(dataset: Dataset, stored: npt.NDArray[Any]) -> list[tuple[float, float]]:
    """The least and greatest of each range of padding; single values are ranges of one."""
    if stored.dtype.kind == "f":
        given = [(dataset.get(value), dataset.get(limit)) for value, limit in _OF_FLOATS]
        pairs = [(value, value if limit is None else limit) for value, limit in given if isinstance(value, float)]
        return [_ordered(value, limit) for value, limit in pairs]
    values = plain_numbers(element(dataset, "PixelPaddingValue"), 0) or []
    limits = plain_numbers(element(dataset, "PixelPaddingRangeLimit"), 0) or []
    signed = stored.dtype.kind == "i"
    values, limits = ([_with_sign(one, signed) for one in given] for given in (values, limits))
    if not values:
        return []
    first = _ordered(values[0], limits[0] if limits else values[0])
    return [first, *((one, one) for one in values[1:])]


def _beyond_bits(dataset: Dataset, low: float, high: float, kind: np.dtype[Any]) -> bool:
    """Whether no number of the stored bits is in the range."""
    if kind.kind == "f":
        return False
    bits, signed = int(dataset.BitsStored), kind.kind == "i"
    least, greatest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return high < least or low > greatest


def _with_sign(number: float, signed: bool) -> float:
    """A number of 16 bits as the pixels would hold it.

    >>> _with_sign(63536, signed=True), _with_sign(-2000, signed=False)
    (-2000, 63536)
    """
    return signed_16(number) if signed else int(number) & 0xFFFF if number < 0 else int(number)


def _ordered(one: float, other: float) -> tuple[float, float]:
    return float(min(one, other)), float(max(one, other))


def _of_corners(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The patches of a mask that hold a corner of the image."""
    patches, _ = ndimage.label(mask)
    corners = {int(patches[row, column]) for row in (0, -1) for column in (0, -1)} - {0}
    return np.isin(patches, list(corners))

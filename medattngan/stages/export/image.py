"""The attributes every image has: its pixels, the way back to physical values, and a window that opens well.

DICOM PS3.3: C.7.6.3 Image Pixel, C.11.1 Modality LUT, C.11.2 VOI LUT.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.data.blocks import blocks
from medattngan.data.intensity import CODE_MAX, WINDOWS, IntensityMap

Window: TypeAlias = tuple[float, float]
"""(center, width) in physical units."""

ENDS = (0.1, 99.9)
"""Percentiles of the pixels that a window of arbitrary values spans."""
NARROW = 32.0
"""Below this width it shows that the standard's LINEAR function loses one unit; LINEAR_EXACT loses none."""
WIDE_HU = 2500.0
"""Above this width in HU a slice opened over its whole range looks flat: common windows are offered."""


def set_pixels(dataset: Dataset, codes: Codes) -> None:
    """Write `codes`, (H, W) or (frames, H, W), as 16-bit unsigned MONOCHROME2."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = codes.shape[-2:]
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = np.ascontiguousarray(codes, dtype="<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def set_rescale(dataset: Dataset, intensity: IntensityMap) -> None:
    """Write slope and intercept so that physical = slope * code + intercept, in HU or unspecified (US) units.

    Raises:
        UserError: the map cannot be told in the 16 characters of a decimal string (VR DS).
    """
    slope, intercept = format_number_as_ds(intensity.step), format_number_as_ds(float(intensity.lower))
    top = float(slope) * CODE_MAX + float(intercept)
    off = max(abs(float(intercept) - intensity.lower), abs(top - intensity.upper))
    if off > intensity.step / 4:
        raise UserError(
            f"the range {intensity.lower} ... {intensity.upper} is too narrow beside its size for DICOM's 16 "
            "characters a number; shift the values nearer to zero."
        )
    dataset.RescaleIntercept = intercept
    dataset.RescaleSlope = slope
    dataset.RescaleType = "HU" if intensity.unit == "HU" else "US"


def opening_windows(codes: Codes, intensity: IntensityMap, window: Window | None) -> dict[str, Window]:
    """The windows a viewer offers, by name; it opens with the first.

    Args:
        codes: all the slices, (count, H, W).
        intensity: their map.
        window: the user's choice, which then is the only one.

    Raises:
        UserError: the chosen window has no width.
    """
    if window is not None:
        require_window(window)
        return {"CHOSEN": (float(window[0]), float(window[1]))}
    width = intensity.upper - intensity.lower
    if intensity.unit == "HU" and width > WIDE_HU:
        return {name.upper(): WINDOWS[name] for name in ("soft-tissue", "lung", "bone")}
    if intensity.unit == "HU":
        return {"FULL RANGE": (intensity.lower + width / 2, width)}
    low, high = (intensity.lower + intensity.step * q for q in percentiles(codes, ENDS))
    if high - low < intensity.step:
        low, high = intensity.lower, intensity.upper
    return {"VALUES": ((low + high) / 2, high - low)}


def require_window(window: Window) -> None:
    """Raises: UserError: it has no width, or is no two numbers."""
    if not (math.isfinite(window[0]) and math.isfinite(window[1]) and window[1] > 0):
        raise UserError(f"--window {window[0]},{window[1]} is not a window; give CENTER,WIDTH with a width above 0.")


def percentiles(codes: Codes, wanted: Sequence[float]) -> list[float]:
    """Percentiles of all pixels as `numpy.percentile` gives them, from how often each code occurs.

    >>> percentiles(np.uint16([[[0, 1], [2, 10]]]), (50, 75))
    [1.5, 4.0]
    """
    counts = np.zeros(CODE_MAX + 1, np.int64)
    for block in blocks(codes):
        counts += np.bincount(block.ravel(), minlength=CODE_MAX + 1)
    ranks, found = counts.cumsum(), []
    for percent in wanted:
        place = percent / 100 * (int(ranks[-1]) - 1)
        low = math.floor(place)
        a, b = (int(np.searchsorted(ranks, rank, side="right")) for rank in (low, min(low + 1, int(ranks[-1]) - 1)))
        share = place - low
        found.append(float(a + (b - a) * share if share < 0.5 else b - (b - a) * (1 - share)))
    return found


def set_window(dataset: Dataset, windows: dict[str, Window]) -> None:
    """Write the windows offered, (center, width) in physical units by name; the first opens."""
    dataset.WindowCenter = [format_number_as_ds(center) for center, _ in windows.values()]
    dataset.WindowWidth = [format_number_as_ds(width) for _, width in windows.values()]
    dataset.WindowCenterWidthExplanation = list(windows)
    if min(width for _, width in windows.values()) < NARROW:
        dataset.VOILUTFunction = "LINEAR_EXACT"

"""Pixels of somebody else's generator as codes with a map to physical values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.scans.geometry.planes import CUTS

UNIT_MAX = 16


def require_plane(plane: str) -> None:
    """Raises: UserError: it is none of `CUTS`."""
    if plane not in CUTS:
        raise UserError(f"there is no plane {plane!r}; choose one of {', '.join(CUTS)}.")


def require_spacing(spacing_mm: float) -> None:
    """Raises: UserError: it is neither NaN, for unknown, nor a size."""
    if not math.isnan(spacing_mm) and not (math.isfinite(spacing_mm) and spacing_mm > 0):
        raise UserError(f"a pixel spacing of {spacing_mm} mm is not possible; give a size above 0.")


def known_unit(unit: str) -> str:
    """The unit of values as all else writes it: HU in whatever case it was given.

    Raises:
        UserError: it is longer than any unit, or holds what cannot be printed.

    >>> known_unit("hu"), known_unit("a.u.")
    ('HU', 'a.u.')
    """
    unit = unit.strip()
    if not unit or len(unit) > UNIT_MAX or not unit.isprintable():
        raise UserError(f"--unit {unit!r} is no unit; give HU, or a few letters such as a.u.")
    return "HU" if unit.upper() == "HU" else unit


def natural_range(values: npt.NDArray[np.generic]) -> tuple[float, float]:
    """The ends of codes for physical `values`: a step of 1 where that holds them exactly, else least to greatest.

    >>> natural_range(np.float32([-1024, 3071])), natural_range(np.float32([0.25, 0.75]))
    ((-1024.0, 64511.0), (0.25, 0.75))
    """
    physical = np.asarray(values, np.float64)
    low, high = float(physical.min()), float(physical.max())
    whole = bool((physical == np.rint(physical)).all()) and high - low <= CODE_MAX
    return (low, low + CODE_MAX) if whole or low == high else (low, high)


def encode_pixels(
    pixels: npt.NDArray[np.generic], value_range: tuple[float, float] | None, unit: str, source: Path
) -> tuple[Codes, IntensityMap]:
    """Pixels (count, H, W) → codes and their map; integers of up to 16 bits come through exactly.

    >>> codes, intensity = encode_pixels(np.uint8([[[0, 255]]]), None, "a.u.", Path("x"))
    >>> codes.tolist(), intensity.lower, intensity.upper
    ([[[0, 65535]]], 0.0, 255.0)

    Raises:
        UserError: the dtype needs a range and has none, or values lie outside it.
    """
    kind: np.dtype[Any] = pixels.dtype
    if value_range is not None and not (math.isfinite(sum(value_range)) and value_range[0] < value_range[1]):
        raise UserError(f"--range {value_range[0]},{value_range[1]} is not a range; give LOWER,UPPER, lower first.")
    if kind in (np.dtype(np.uint8), np.dtype(np.uint16)):
        top = int(np.iinfo(kind).max)
        lower, upper = value_range or (0.0, float(top))
        return pixels.astype(np.uint16) * np.uint16(CODE_MAX // top), IntensityMap(lower, upper, unit)
    if kind == np.dtype(np.int16) and value_range is None:
        shifted = (pixels.astype(np.int32) + 32768).astype(np.uint16)
        return shifted, IntensityMap(-32768.0, 32767.0, unit)
    if kind.kind not in "if":
        raise UserError(f"{source} holds {kind} pixels; save them as 8- or 16-bit integers or as floating point.")
    if value_range is None:
        raise UserError(f"{source} holds {kind} pixels; say what range they lie in with --range LOWER,UPPER.")
    values = pixels.astype(np.float64)
    outside = int(np.count_nonzero(~((values >= value_range[0]) & (values <= value_range[1]))))
    if outside:
        raise UserError(
            f"{outside} pixels of {source} lie outside --range {value_range[0]},{value_range[1]} or are "
            "not numbers; widen the range or clip them first."
        )
    intensity = IntensityMap(value_range[0], value_range[1], unit)
    return intensity.encode(values), intensity

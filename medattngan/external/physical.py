"""Pixels of somebody else's generator as codes with a map to physical values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.external.spread import all_ones, fills
from medattngan.external.unit import Ends, require_range
from medattngan.scans.geometry.planes import CUTS

ROUNDING = 1e-3
"""Of a range: what rounding may leave outside; it is clipped."""
UNIT_MAX = 16
"""Characters of a unit."""


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


@dataclass(frozen=True)
class Scale:
    """What pixel values mean, as far as the user says.

    Args:
        value_range: physical (lower, upper): of `stored`, or the range that values lie in which are physical already.
        stored: the pixel values that mean lower and upper; of unsigned pixels the whole range of their type, unless
            it is left in doubt whether that is meant.
        unit: of the physical values.
    """

    value_range: Ends | None
    stored: Ends | None
    unit: str

    def __post_init__(self) -> None:
        for ends, option in ((self.value_range, "--range"), (self.stored, "--stored")):
            if ends is not None:
                require_range(ends, option)
        if self.stored is not None and self.value_range is None:
            raise UserError("--stored says for which pixel values --range stands; give --range LOWER,UPPER with it.")


def encode_pixels(pixels: npt.NDArray[np.generic], scale: Scale, source: Path) -> tuple[Codes, IntensityMap]:
    """Pixels (count, H, W) → codes and their map; integers of up to 16 bits come through exactly.

    >>> codes, intensity = encode_pixels(np.uint8([[[0, 255]]]), Scale(None, None, "a.u."), Path("x"))
    >>> codes.tolist(), intensity.lower, intensity.upper
    ([[[0, 65535]]], 0.0, 255.0)
    >>> _, intensity = encode_pixels(np.uint16([[[0, 4095]]]), Scale((-1024, 3071), (0, 4095), "HU"), Path("x"))
    >>> intensity.lower, intensity.upper
    (-1024.0, 64511.0)

    Raises:
        UserError: the type needs a range and has none, the range is in doubt, or values lie outside it.
    """
    kind: np.dtype[Any] = pixels.dtype
    if kind in (np.dtype(np.uint8), np.dtype(np.uint16)):
        return _unsigned(pixels, scale, source)
    if kind == np.dtype(np.int16) and scale.value_range is None:
        shifted = (pixels.astype(np.int32) + 32768).astype(np.uint16)
        return shifted, IntensityMap(-32768.0, 32767.0, scale.unit)
    if kind.kind not in "iuf":
        raise UserError(f"{source} holds {kind} pixels; save them as 8- or 16-bit integers or as floating point.")
    if scale.value_range is None:
        raise UserError(f"{source} holds {kind} pixels; say what range they lie in with --range LOWER,UPPER.")
    lower, upper = scale.value_range
    values = pixels.astype(np.float64)
    first, last = scale.stored or scale.value_range
    slack = ROUNDING * (last - first)
    outside = int(np.count_nonzero(~((values >= first - slack) & (values <= last + slack))))
    if outside:
        option = "--range" if scale.stored in (None, scale.value_range) else "--stored"
        raise UserError(
            f"{outside} pixels of {source} lie outside {option} {first:g},{last:g} or are not numbers; widen the range "
            "or clip them first."
        )
    if scale.stored is None and not fills(values, lower, upper):
        least, greatest = float(values.min()), float(values.max())
        raise UserError(
            f"the values of {source}, from {least:.6g} to {greatest:.6g}, lie in a small part of --range "
            f"{lower:g},{upper:g}; if they are physical values, add --stored={lower:g},{upper:g}; else say for which "
            "values the range stands, as with --stored 0,1."
        )
    intensity = IntensityMap(lower, upper, scale.unit)
    return intensity.encode(lower + (values - first) * ((upper - lower) / (last - first))), intensity


def _unsigned(pixels: npt.NDArray[np.generic], scale: Scale, source: Path) -> tuple[Codes, IntensityMap]:
    """Each pixel value gets a code of its own, whatever it means."""
    kind: np.dtype[Any] = pixels.dtype
    top = int(np.iinfo(kind).max)
    codes = pixels.astype(np.uint16) * np.uint16(CODE_MAX // top)
    lower, upper = scale.value_range or (0.0, float(top))
    first, last = scale.stored or (0.0, float(top))
    if scale.value_range is None and scale.unit == "HU":
        raise UserError(
            f"{source} holds {kind} pixels, none of which can be below 0, as air is in HU; say with --range "
            "LOWER,UPPER and --stored LOWER,UPPER which HU the pixel values are."
        )
    if scale.value_range is not None and scale.stored is None and not fills(pixels, 0, top):
        least, greatest, held = int(pixels.min()), int(pixels.max()), all_ones(pixels)
        raise UserError(
            f"--range {lower:g},{upper:g} would stand for the pixel values 0 and {top}, but those of {source} lie from "
            f"{least} to {greatest}; add --stored 0,{held} if it stands for these, or --stored 0,{top} if it does not."
        )
    step = (upper - lower) / (last - first)
    return codes, IntensityMap(lower - first * step, lower + (top - first) * step, scale.unit)

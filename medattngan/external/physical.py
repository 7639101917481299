"""Slices from somebody else's generator: a folder of images or a `.npy`, as Samples."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.data.samples import Samples, require_verdict_heeded
from medattngan.external.pictures import read_stack
from medattngan.scans.geometry.planes import PLANES


def read_foreign(
    source: str | Path,
    *,
    value_range: tuple[float, float] | None = None,
    unit: str = "a.u.",
    modality: str = "OT",
    plane: str = "acquired",
    spacing_mm: float = math.nan,
) -> Samples:
    """Read slices that `sample` did not write.

    Args:
        source: a `.npy` of (count, H, W), or a folder of PNG, JPEG, TIFF or BMP images of one size, at any
            depth; the name of an image's folder is its label. Colors become luminance.
        value_range: physical (lower, upper). Of unsigned pixels: what the darkest and brightest *possible*
            pixel mean, by default the pixel value itself. Signed and floating-point pixels are physical
            values already: the range they lie in, which floating point needs.
        unit: `HU`, or whatever the values are in.
        modality: DICOM's Modality (0008,0060): CT, MR, CR, DX … or OT.
        plane: axial, coronal, sagittal or acquired.
        spacing_mm: size of a pixel, both ways; NaN where unknown.

    Raises:
        UserError: nothing is there, sizes differ, or the values do not fit the range; or it is the `pixels.npy` of a
            samples folder, whose table holds the audit's verdict.
    """
    source = Path(source)
    if plane not in (*PLANES, "acquired"):
        raise UserError(f"there is no plane {plane!r}; choose one of {', '.join(PLANES)}, acquired.")
    if not math.isnan(spacing_mm) and not (math.isfinite(spacing_mm) and spacing_mm > 0):
        raise UserError(f"a pixel spacing of {spacing_mm} mm is not possible; give a size above 0.")
    require_verdict_heeded(source)
    stack = read_stack(source)
    codes, intensity = encode_pixels(stack.pixels, value_range, unit, source)
    table = pd.DataFrame({"seed": pd.array(range(len(codes)), "Int64"), "label": pd.array(stack.labels, "string")})
    known = {"spacing_mm": spacing_mm} if math.isfinite(spacing_mm) else {}
    return Samples(codes, table, {**intensity.to_dict(), "modality": modality, "plane": plane, **known}, {})


def open_samples(source: str | Path) -> Samples:
    """A samples folder as `sample` wrote it, or slices from elsewhere, as `read_foreign` takes them.

    Raises:
        UserError: it is neither.
    """
    source = Path(source)
    if not source.exists():
        raise UserError(f"{source} does not exist; give a samples folder, a folder of images or a .npy.")
    if any((source / name).exists() for name in ("samples.parquet", "pixels.npy")):
        return Samples.open(source)
    return read_foreign(source)


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

"""From a series to square 16-bit slices: one MONAI pipeline a modality.

Each pipeline is read from top to bottom. What flows through it is a dictionary with the `image`, a MONAI
MetaTensor (1, row, column, slice) in physical units, to which the steps add `map`, `scheme`, `plane`,
`positions_mm` and `spacing_mm`.
"""

from __future__ import annotations

import hashlib
import math
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.transforms.compose import Compose
from monai.transforms.croppad.dictionary import SpatialPadd
from monai.transforms.io.dictionary import LoadImaged
from monai.transforms.spatial.dictionary import Spacingd
from monai.transforms.utility.dictionary import EnsureChannelFirstd
from torch.nn import functional

from medattngan.core.types import Physical
from medattngan.data.intensity import IntensityMap
from medattngan.scans.formats.monai import READER_CLASSES
from medattngan.scans.geometry.affine import stack_affine
from medattngan.scans.geometry.orient import Item, Step, face
from medattngan.scans.geometry.planes import native_plane
from medattngan.scans.options import AIR_HU, PERCENTILES, SQUARE_TOLERANCE, Options
from medattngan.scans.prepared import Prepared, joined
from medattngan.scans.screening import believe, refuse, screened
from medattngan.scans.series import Series, SetAside
from medattngan.scans.text.rapidocr import merged

SLICES_AT_ONCE = 64
SCAN_ERRORS = (ValueError, OSError, EOFError, ArithmeticError, nib.orientations.OrientationError)
"""What geometry that makes no sense raises in NumPy (LinAlgError is a ValueError), nibabel and MONAI."""


def ct(series: Series, options: Options) -> list[Step]:
    """Hounsfield units through one window, the same for every scan."""
    return [
        *load(series),
        *screened(partial(window_hounsfield, window=options.window), series, options),
        partial(face, series=series, plane=options.plane),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


def mr(series: Series, options: Options) -> list[Step]:
    """Arbitrary units from percentile to percentile of the volume, since no two scanners agree on more."""
    return [
        *load(series),
        *screened(percentile_range, series, options),
        partial(face, series=series, plane=options.plane),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


def radiograph(series: Series, options: Options) -> list[Step]:
    """The window that the acquiring station chose for viewing, or else all there is."""
    return [
        *load(series),
        *screened(viewing_range, series, options),
        partial(face, series=series, plane=options.plane),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


def picture(series: Series, options: Options) -> list[Step]:
    """0 to 255, or all there is in a deeper picture."""
    return [
        *load(series),
        *screened(full_range, series, options),
        partial(face, series=series, plane="acquired"),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


PIPELINES: dict[tuple[str, str], Callable[[Series, Options], list[Step]]] = {
    ("dicom", "CT"): ct,
    ("dicom", "MR"): mr,
    ("dicom", "PT"): mr,
    ("dicom", "NM"): mr,
    ("volume", "CT"): ct,
    ("volume", "MR"): mr,
    ("picture", "OT"): picture,
}
"""(reader, modality) → pipeline; `radiograph` for the rest of DICOM."""


def prepare(series: Series, options: Options) -> Prepared:
    """Run the pipeline of a series.

    Raises:
        SetAside: nothing of it can be used.
    """
    refuse(series, options)
    pipeline = PIPELINES.get((series.reader, series.modality), radiograph)
    in_blocks = pipeline is ct and _in_own_plane(series, options.plane)
    prepared = _in_blocks(series, options) if in_blocks else _run(pipeline(series, options), series)
    believe(series, options, prepared.boxes)
    return prepared


def _in_blocks(series: Series, options: Options) -> Prepared:
    """A long CT in its own plane, which need not be in memory at once: its map is the same for every slice."""
    blocks = range(0, len(series.pieces), SLICES_AT_ONCE)
    done: list[tuple[int, Prepared]] = []
    failed: list[tuple[int, str]] = []
    for start in blocks:
        block = replace(series, pieces=series.pieces[start : start + SLICES_AT_ONCE])
        try:
            done.append((start, _run(ct(block, options), block)))
        except SetAside as error:
            if error.reason == "burned-in-text":
                raise
            failed += [(start + i, error.reason) for i in range(len(block.pieces))]
    if not done:
        raise SetAside(failed[0][1])
    if len({part.map for _, part in done}) > 1:  # without a rescale it has no units, and its range is its own
        return _run(ct(series, options), series)
    known = tuple(merged([box for _, part in done for box in part.boxes]))
    if known != options.known_text:  # text on one block is covered on all
        return _in_blocks(series, replace(options, known_text=known))
    return joined(done, failed)


def _in_own_plane(series: Series, plane: str) -> bool:
    frames = [piece.geometry for piece in series.pieces if piece.geometry is not None]
    if series.reader != "dicom" or len(frames) < len(series.pieces):
        return False
    return plane in ("acquired", native_plane(stack_affine(frames[:1], None), 2))


def _run(steps: list[Step], series: Series) -> Prepared:
    try:
        item = Compose(steps)({"image": [piece.path for piece in series.pieces]})
    except RuntimeError as error:  # how Compose reports whatever a step raises
        raise _reason(error) from None
    slices: Physical = item["image"]
    intensity: IntensityMap = item["map"]
    return Prepared(
        codes=intensity.encode(slices),
        positions_mm=[float(position) for position in item["positions_mm"]],
        digests=[hashlib.sha256(one.tobytes()).hexdigest() for one in slices],
        map=intensity,
        scheme=item["scheme"],
        plane=item["plane"],
        spacing_mm=float(item["spacing_mm"]),
        sources=[int(source) for source in item["sources"]],
        set_aside=[(int(index), str(reason)) for index, reason in item["set_aside"]],
        boxes=item.get("boxes", []),
    )


def _reason(error: BaseException) -> Exception:
    """What a step raised, without the words of the source that MONAI quotes around it.

    What a damaged scan raises sets it aside. Anything else is our mistake, named by its kind and its line alone.
    """
    while error.__cause__ is not None and not isinstance(error, SetAside):
        error = error.__cause__
    if isinstance(error, SetAside):
        return error
    if isinstance(error, SCAN_ERRORS):
        return SetAside("unreadable")
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return RuntimeError(f"{type(error).__name__} at line {line} of {Path(frame.f_code.co_filename).name}")


def load(series: Series) -> list[Step]:
    """Read the files into physical units, channel first."""
    reader: Any = READER_CLASSES[series.reader](series.pieces)
    return [LoadImaged("image", reader=reader), EnsureChannelFirstd("image", channel_dim="no_channel")]


def window_hounsfield(item: Item, window: tuple[float, float]) -> Item:
    """The map of a CT window; a CT without rescale is in no unit and is shown as a radiograph is."""
    if not item["image"].meta.get("rescaled", True):
        return viewing_range(item)
    item["image"] = item["image"].clamp_(min=AIR_HU)
    return item | {"map": IntensityMap.window(*window, "HU"), "scheme": "window"}


def percentile_range(item: Item) -> Item:
    """The map between two percentiles of all voxels, air included."""
    voxels = item["image"].numpy()
    lower, upper = np.percentile(voxels, PERCENTILES)
    if lower == upper:
        return full_range(item)
    return item | {"map": IntensityMap(float(lower), float(upper), "a.u."), "scheme": "percentile"}


def viewing_range(item: Item) -> Item:
    """The map of the first VOI window that shows anything."""
    least, greatest = float(item["image"].min()), float(item["image"].max())
    for lower, upper in item["image"].meta.get("voi", []):
        if lower < greatest and upper > least:
            return item | {"map": IntensityMap(lower, upper, "a.u."), "scheme": "voi"}
    return full_range(item)


def full_range(item: Item) -> Item:
    """The map from the least to the greatest number, or of the picture's format where that says."""
    image = item["image"]
    lower, upper = image.meta.get("full_range", (float(image.min()), float(image.max())))
    if lower == upper:
        raise SetAside("constant")
    return item | {"map": IntensityMap(lower, upper, "a.u."), "scheme": "full-range"}


def fill_between(item: Item, size: int) -> Item:
    """Interpolate between thick slices that show in a picture cut across them, as finely as the store will show."""
    rows, columns, _ = item["image"].affine[:3, :3].norm(dim=0).tolist()
    fine = max(min(rows, columns), _side_mm(item, rows, columns) / size)
    pixdim = [fine if spacing > fine * (1 + SQUARE_TOLERANCE) else -1.0 for spacing in (rows, columns)]
    if max(pixdim) < 0:
        return item
    fill: Step = Spacingd("image", (*pixdim, -1.0), mode="bilinear", padding_mode="border", dtype=np.float32)
    return fill(item)  # type: ignore[no-any-return]


def pad_and_resize(item: Item, size: int) -> Item:
    """Pad to a square, in mm, with the map's lower end; resize with an antialiasing filter: (slice, size, size)."""
    image = item["image"]
    rows, columns, _ = image.affine[:3, :3].norm(dim=0).tolist()
    side = _side_mm(item, rows, columns)
    square = (round(side / rows), round(side / columns))
    pad: Step = SpatialPadd("image", spatial_size=(*square, -1), value=item["map"].lower)
    volume = pad(item)["image"].as_tensor()[0].permute(2, 0, 1)
    slices = np.empty((volume.shape[0], size, size), np.float32)
    for start in range(0, len(slices), SLICES_AT_ONCE):
        some = volume[start : start + SLICES_AT_ONCE, None].contiguous()
        if square != (size, size):
            some = functional.interpolate(some, (size, size), mode="bilinear", antialias=True, align_corners=False)
        slices[start : start + SLICES_AT_ONCE] = some[:, 0].numpy()
    known = image.meta.get("spacing_known", True)
    return item | {"image": slices, "spacing_mm": side / size if known else math.nan}


def _side_mm(item: Item, rows: float, columns: float) -> float:
    """The longer side of the slices."""
    shape = item["image"].shape
    return float(max(shape[1] * rows, shape[2] * columns))

"""From a loaded series to square slices and their intensity map: one MONAI pipeline a modality.

Each pipeline is read from top to bottom. What flows through it is a dictionary with the `image`, a MONAI
MetaTensor (1, row, column, slice) in physical units, to which the steps add `map`, `scheme`, `plane`,
`positions_mm` and `spacing_mm`. MONAI takes seconds to import, so the steps that need it import it themselves: the
table of formats names pipelines, and what only looks into files reads that table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from torch.nn import functional

from medattngan.data.intensity import IntensityMap
from medattngan.scans.geometry.orient import Item, Step, face
from medattngan.scans.options import AIR_HU, PERCENTILES, SQUARE_TOLERANCE, Options
from medattngan.scans.screening import screened
from medattngan.scans.series import Series, SetAside

SLICES_AT_ONCE = 64

MOST_PADDED = 1 << 28
PADDED_SHARE = 16
"""A volume that has more voxels after padding, and so many times more than before, has a header that is wrong."""

Pipeline: TypeAlias = Callable[[Series, Options], list[Step]]
"""The steps that follow loading; they leave `image`, `map`, `scheme`, `plane`, `positions_mm` and `spacing_mm`."""


def ct(series: Series, options: Options) -> list[Step]:
    """Hounsfield units through one window, the same for every scan; a CT in another unit as a radiograph."""
    return [
        *screened(partial(by_unit, window=options.window, unit="HU", otherwise=viewing_range), series, options),
        partial(face, series=series, plane=options.plane),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


def mr(series: Series, options: Options) -> list[Step]:
    """Arbitrary units from percentile to percentile of the volume, since no two scanners agree on more."""
    return [
        *screened(partial(by_unit, window=options.window, unit="a.u.", otherwise=percentile_range), series, options),
        partial(face, series=series, plane=options.plane),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


def radiograph(series: Series, options: Options) -> list[Step]:
    """The window that the acquiring station chose for viewing, or else all there is."""
    return [
        *screened(partial(by_unit, window=options.window, unit="a.u.", otherwise=viewing_range), series, options),
        partial(face, series=series, plane=options.plane),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


def picture(series: Series, options: Options) -> list[Step]:
    """0 to 255, or all there is in a deeper picture."""
    return [
        *screened(full_range, series, options),
        partial(face, series=series, plane="acquired"),
        partial(fill_between, size=options.size),
        partial(pad_and_resize, size=options.size),
    ]


MODALITIES: dict[str, Pipeline] = {"CT": ct, "MR": mr, "PT": mr, "NM": mr}
"""`radiograph` for the rest."""


def by_modality(series: Series, options: Options) -> list[Step]:
    """The pipeline of a format that says what was scanned, or whose scans are taken for CT or MR."""
    return MODALITIES.get(series.modality, radiograph)(series, options)


def by_unit(item: Item, window: tuple[float, float], unit: str, otherwise: Callable[[Item], Item]) -> Item:
    """The map of a window in HU for what is in HU, whatever scanned it; `otherwise` for the rest.

    Args:
        window: center and width, HU.
        unit: that of a format that does not say.
    """
    if item["image"].meta.get("unit", unit) != "HU":
        return otherwise(item)
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
    from monai.transforms.spatial.dictionary import Spacingd

    rows, columns, _ = item["image"].affine[:3, :3].norm(dim=0).tolist()
    fine = max(min(rows, columns), _side_mm(item, rows, columns) / size)
    pixdim = [fine if spacing > fine * (1 + SQUARE_TOLERANCE) else -1.0 for spacing in (rows, columns)]
    if max(pixdim) < 0:
        return item
    mode = item.get("resample", "bilinear")
    fill: Step = Spacingd("image", (*pixdim, -1.0), mode=mode, padding_mode="border", dtype=np.float32)
    return fill(item)  # type: ignore[no-any-return]


def pad_and_resize(item: Item, size: int) -> Item:
    """Pad to a square, in mm, with the map's lower end; resize with an antialiasing filter: (slice, size, size)."""
    from monai.transforms.croppad.dictionary import SpatialPadd

    image = item["image"]
    rows, columns, _ = image.affine[:3, :3].norm(dim=0).tolist()
    side = _side_mm(item, rows, columns)
    square = (round(side / rows), round(side / columns))
    if math.prod(square) * image.shape[-1] > max(MOST_PADDED, PADDED_SHARE * image.numel()):
        raise SetAside("impossible-geometry")
    pad: Step = SpatialPadd("image", spatial_size=(*square, -1), value=item["map"].lower)
    volume = pad(item)["image"].as_tensor()[0].permute(2, 0, 1)
    slices = np.empty((volume.shape[0], size, size), np.float32)
    for start in range(0, len(slices), SLICES_AT_ONCE):
        some = volume[start : start + SLICES_AT_ONCE, None].contiguous()
        if square != (size, size) and "resample" in item:
            some = functional.interpolate(some, (size, size), mode="nearest-exact")
        elif square != (size, size):
            some = functional.interpolate(some, (size, size), mode="bilinear", antialias=True, align_corners=False)
        slices[start : start + SLICES_AT_ONCE] = some[:, 0].numpy()
    known = image.meta.get("spacing_known", True)
    return item | {"image": slices, "spacing_mm": side / size if known else math.nan}


def _side_mm(item: Item, rows: float, columns: float) -> float:
    """The longer side of the slices."""
    shape = item["image"].shape
    return float(max(shape[1] * rows, shape[2] * columns))

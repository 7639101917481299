"""A mask goes where its scan goes: loaded onto the scan's voxels, then turned, cut, padded and resized in its way.

The steps that move voxels are the pipeline's own, once more, with nearest neighbours in place of interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from medattngan.data.intensity import IntensityMap
from medattngan.data.masks import MOST_CLASSES, Masks
from medattngan.scans.boundary import guarded
from medattngan.scans.bounds import reading
from medattngan.scans.geometry.orient import Item, Step, face
from medattngan.scans.masks import segmentation
from medattngan.scans.masks.files import load_picture, load_volume
from medattngan.scans.masks.grid import Labels
from medattngan.scans.options import Options
from medattngan.scans.pipelines import fill_between, pad_and_resize
from medattngan.scans.series import MaskFile, Series, SetAside

MOVING = (face, fill_between, pad_and_resize)
"""The steps of a pipeline that move voxels; they take the key `resample`, a mode of MONAI and PyTorch."""


@dataclass(frozen=True)
class Masked:
    """The masks of a series' slices, or why there are none.

    Args:
        masks: (count, size, size): 0 for the background, k for `classes[k - 1]`.
        classes: what each number was in the source: `name` and `value`, or `name` and `code`.
        reason: a key of REASONS where the mask cannot be used; the others are empty then.
    """

    masks: Masks | None = None
    classes: tuple[dict[str, Any], ...] = ()
    reason: str = ""


def taken(series: Series, options: Options) -> list[Step]:
    """The step after loading that lays the mask of a series over its voxels, as `labels`; none where it has no mask."""
    return [] if series.mask is None else [partial(_take, series=series, mask=series.mask, options=options)]


def _take(item: Item, series: Series, mask: MaskFile, options: Options) -> Item:
    try:
        with guarded():
            reading(mask.path)
            labels, classes = _numbered(*_load(series, mask, item["image"]), options)
    except SetAside as error:
        return item | {"masked": Masked(reason=error.reason)}
    from monai.data.meta_tensor import MetaTensor  # takes seconds, and workers alone need it

    image = item["image"]
    laid = MetaTensor(labels[None], affine=image.affine.clone(), meta=dict(image.meta))
    return item | {"labels": laid, "masked": Masked(classes=classes)}


def _load(series: Series, mask: MaskFile, image: Any) -> tuple[Labels, dict[int, Any]]:
    """Labels on the voxels of the scan, and what the numbers are where the file says it."""
    if mask.kind == "volume":
        return load_volume(mask.path, image), {}
    if mask.kind == "picture":
        return load_picture(mask.path, image), {}
    shape = tuple(int(side) for side in image.shape[1:])
    return segmentation.load(mask.path, series.pieces[0].path, shape, image.affine.numpy())


def _numbered(labels: Labels, known: dict[int, Any], options: Options) -> tuple[Labels, tuple[dict[str, Any], ...]]:
    """Labels as numbers of classes, and these: those of the user's list, else what the file says, else its values.

    Raises:
        SetAside: there are more classes than a mask can have.
    """
    wanted = {value: {"name": name} for value, name in options.classes}
    values = [int(value) for value in np.unique(labels) if value > 0]
    records = {value: wanted.get(value) if wanted else known.get(value, _of_value(value)) for value in values}
    classes: list[dict[str, Any]] = []
    numbered = np.zeros_like(labels)
    for value, record in records.items():
        if record is not None:
            if record not in classes:
                classes.append(record)
            numbered[labels == value] = classes.index(record) + 1
    if len(classes) > MOST_CLASSES:
        raise SetAside("mask-values")
    return numbered, tuple(classes)


def _of_value(value: int) -> dict[str, Any]:
    return {"name": str(value), "value": value}


def moved(item: Item, steps: Sequence[Step]) -> Masked:
    """The masks of the slices that `steps` made of the scan of `item`.

    Raises:
        SetAside: the mask does not end where the scan does, as in a pipeline of another package.
    """
    masked: Masked = item.get("masked", Masked())
    if masked.reason or "labels" not in item:
        return masked
    along: Item = {"image": item["labels"], "map": IntensityMap(0.0, 1.0, "class"), "resample": "nearest"}
    for step in steps:
        if isinstance(step, partial) and step.func in MOVING:
            along = step(along)
    masks = np.asarray(along["image"])
    if masks.shape != item["image"].shape or list(along["sources"]) != list(item["sources"]):
        return Masked(reason="mask-shape")
    return Masked(np.rint(masks).astype(np.uint8), masked.classes)

"""The step of every pipeline that turns a volume to a plane, or leaves it as stored and says how it stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from medattngan.scans.geometry.affine import is_even, is_straight
from medattngan.scans.geometry.planes import (
    MIN_SLICES_TO_CUT,
    PLANES,
    native_plane,
    positions_mm,
    ras_side,
    slice_normal,
    stands_upright,
)
from medattngan.scans.geometry.shear import without_shear
from medattngan.scans.series import Series, SetAside

Item = dict[Any, Any]
Step = Callable[[Any], Any]

LABELS = (("L", "R"), ("P", "A"), ("I", "S"))


def face(item: Item, series: Series, plane: str) -> Item:
    """Turn the volume so that its slices are of `plane` and stand upright (see `data.affine`).

    `acquired` keeps the scan's own slices: DICOM frames as stored, with the name of a plane only where they already
    stand as its slices do; a volume is turned to the plane nearest to its own. Frames whose place and volumes whose
    orientation is unknown stay as they are, whatever the plane. Sheared axes are set right first (`without_shear`).

    Raises:
        SetAside: the slices are of another plane and too few, or too unevenly spaced, to be cut across.
    """
    image = item["image"]
    own_pieces = list(range(image.shape[-1])) if series.layout == "frames" else [0] * image.shape[-1]
    kept = image.meta.get("kept", own_pieces)
    item |= {"set_aside": image.meta.get("set_aside", []), "sources": kept}
    along = [mm for mm in (series.pieces[i].along_mm for i in kept) if mm is not None]
    unplaced = not along if series.layout == "frames" else not image.meta.get("oriented", True)
    if series.layout == "pages" or unplaced:
        return item | {"plane": "acquired", "positions_mm": [math.nan] * image.shape[-1]}
    affine = image.affine.numpy()
    native = native_plane(affine, image.meta["slice_axis"])
    if plane == "acquired" and series.layout == "frames":
        return _as_stored(item, along)
    target = (native or "axial") if plane == "acquired" else plane
    thin = min(image.shape[1:]) < MIN_SLICES_TO_CUT
    if native != target and (thin or (series.layout == "frames" and not _is_grid(series, kept, along))):
        raise SetAside("other-plane")
    image = item["image"] = without_shear(
        image, image.meta["slice_axis"], native != target, item["map"].lower, item.get("resample", "bilinear")
    )
    affine = image.affine.numpy()
    own = slice_normal(affine, 2)
    from monai.transforms.spatial.dictionary import Orientationd  # takes seconds, and workers alone need it

    turn: Step = Orientationd("image", axcodes=PLANES[target], labels=LABELS)
    item = turn(item)
    turned, count = item["image"].affine.numpy(), item["image"].shape[-1]
    if series.layout == "frames" and native == target:
        side = 1.0 if own @ slice_normal(turned, 2) > 0 else -1.0
        order = sorted(range(count), key=lambda i: side * along[i])
        item |= {"sources": [kept[i] for i in order], "positions_mm": [side * along[i] for i in order]}
        return item | {"plane": target}
    source = 0 if series.layout == "volume" else -1
    return item | {"sources": [source] * count, "plane": target, "positions_mm": positions_mm(turned, count)}


def _is_grid(series: Series, kept: Sequence[int], along: Sequence[float]) -> bool:
    """Whether the frames are evenly spaced, on one line."""
    placed = [piece.geometry for piece in (series.pieces[i] for i in kept) if piece.geometry is not None]
    return is_even(along) and is_straight(placed)


def _as_stored(item: Item, along: Sequence[float]) -> Item:
    """Frames as the scanner wrote them, from left to right, posterior to anterior or inferior to superior."""
    image = item["image"]
    affine = image.affine.numpy()
    native = native_plane(affine, 2)
    plane = native if native is not None and stands_upright(affine, native) else "acquired"
    if ras_side(slice_normal(affine, 2)) > 0:
        return item | {"plane": plane, "positions_mm": list(along)}
    turned = {"image": image.flip(-1), "sources": item["sources"][::-1], "positions_mm": [-mm for mm in along[::-1]]}
    return item | turned | {"plane": plane}

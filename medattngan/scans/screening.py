"""Text burned into scans: found before they are shrunk, then the scan is set aside or the text is covered.

A stack of slices (or frames, or pages) is the unit. Scanners write a line at one place of every slice, so what
is found on one slice is covered on all of them, or sets all of them aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from medattngan.core.types import Physical
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.scans.geometry.orient import Item, Step
from medattngan.scans.geometry.planes import PLANES, native_plane
from medattngan.scans.options import GROUP, Options
from medattngan.scans.series import Series, SetAside
from medattngan.scans.text.boxes import Box, merged

PASSES = 3
"""How often a stack is read and covered before it is set aside for still showing text."""

MAX_COVERED = 0.25
"""A scan of whose area more would be covered is a page of text."""


def refuse(series: Series, options: Options) -> None:
    """Believe the header where it says more than the pixels can be asked (PS3.3 C.7.6.1).

    Raises:
        SetAside: with any screening, a slice says Recognizable Visual Features (0028,0302): covering text does not
            hide a face. To set aside what has text, one says Burned In Annotation (0028,0301).
    """
    if options.screen is None:
        return
    if any(piece.recognizable for piece in series.pieces):
        raise SetAside("says-recognizable")
    if options.screen == "set-aside" and any(piece.burned_in for piece in series.pieces):
        raise SetAside("says-burned-in")


def believe(series: Series, options: Options, boxes: list[Box]) -> None:
    """Raises SetAside where a slice says that text is burned in and none was found to cover."""
    if options.screen is not None and not boxes and any(piece.burned_in for piece in series.pieces):
        raise SetAside("says-burned-in")


def screened(scale: Step, series: Series, options: Options) -> list[Step]:
    """`scale`, the step that makes the intensity map, followed by screening where that was asked for."""
    if options.screen is None:
        return [scale]

    def screen(item: Item) -> Item:
        return _screen(item, scale, series, options)

    return [scale, screen]


def _screen(item: Item, scale: Step, series: Series, options: Options) -> Item:
    """Look, cover, and look again; `boxes` in the item are what was covered, in rows and columns of the scan.

    Covered pixels get the lower end of the map, as padding does, and the map is made anew without the text.
    """
    boxes = list(options.known_text)
    stack = upright(item, series)
    for _ in range(PASSES):
        if covered_share(boxes, stack.shape[1:]) > MAX_COVERED:
            break
        cover(stack, boxes, item["map"].lower)
        item = scale(item) if boxes else item
        found = find_in_stack(stack, item["map"])
        if not found:
            return item | {"boxes": boxes}
        if options.screen == "set-aside":
            raise SetAside("burned-in-text")
        boxes = merged([*boxes, *found])
    raise SetAside("burned-in-text")


def upright(item: Item, series: Series) -> Physical:
    """The scan's own slices as they are looked at, (slice, row, column): a view of the item's pixels, not a copy."""
    image = item["image"]
    stored: Physical = image.as_tensor()[0].numpy()
    if series.layout == "volume" and image.meta.get("oriented", True):
        affine = image.affine.numpy()
        plane = native_plane(affine, image.meta["slice_axis"]) or "axial"
        turns: Any = nib.orientations  # untyped
        turn = turns.ornt_transform(turns.io_orientation(affine), turns.axcodes2ornt(PLANES[plane]))
        stored = turns.apply_orientation(stored, turn)
    view: Physical = np.moveaxis(stored, -1, 0)
    return view


def find_in_stack(stack: Physical, intensity: IntensityMap) -> list[Box]:
    """Lines of text anywhere in a stack (slice, row, column) in physical units, as the map will show them."""
    from medattngan.scans.text.find import find_text  # takes two seconds, and few ask for it

    return merged([box for picture in pictures(stack, intensity) for box in find_text(picture)])


def pictures(stack: Physical, intensity: IntensityMap) -> Iterator[npt.NDArray[np.uint8]]:
    """What is read of a stack: of every GROUP slices the maximum and the middle one.

    The maximum shows bright text on a dark ground, be it on one slice alone. The middle one shows the text that is
    on every slice, be it dark or on anatomy.
    """
    for start in range(0, len(stack), GROUP):
        group = stack[start : start + GROUP]
        yield _display(group.max(axis=0), intensity)
        if len(group) > 1:
            yield _display(group[len(group) // 2], intensity)


def _display(picture: Physical, intensity: IntensityMap) -> npt.NDArray[np.uint8]:
    shown: npt.NDArray[np.uint8] = np.rint(intensity.encode(picture) * (255 / CODE_MAX)).astype(np.uint8)
    return shown


def cover(stack: Physical, boxes: list[Box], value: float) -> None:
    """Fill `boxes` on every slice, in place."""
    for box in boxes:
        stack[:, box.top : box.bottom, box.left : box.right] = value


def covered_share(boxes: list[Box], shape: tuple[int, ...]) -> float:
    """Of the area of a slice (rows, columns). `boxes` do not overlap."""
    return sum((box.bottom - box.top) * (box.right - box.left) for box in boxes) / (shape[0] * shape[1])

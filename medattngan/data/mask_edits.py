"""Changes to masks: move a structure, make it larger or smaller, take it out.

What a structure leaves behind becomes the class that is nearest to each pixel, so that a removed ventricle is filled by
what surrounds it. What a structure moves onto it covers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medattngan.core.files import UserError
from medattngan.data.masks import BACKGROUND, Classes, Masks

FORMS = "shift=CLASS:ROWS,COLUMNS, scale=CLASS:FACTOR or remove=CLASS"
ALL = "all"
"""Every class but the background, at once."""


@dataclass(frozen=True)
class Edit:
    """One change to every mask.

    Args:
        kind: what to do.
        name: the class, or ALL.
        rows, columns: of a shift, pixels down and to the right.
        factor: of a scaling about the structure's centre; 2 is twice as long.
    """

    kind: Literal["shift", "scale", "remove"]
    name: str
    rows: float = 0.0
    columns: float = 0.0
    factor: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Edit:
        """An edit as on the command line.

        Raises:
            UserError: it is none.

        >>> Edit.parse("shift=thalamus:2,-1")
        Edit(kind='shift', name='thalamus', rows=2.0, columns=-1.0, factor=1.0)
        """
        kind, _, rest = text.partition("=")
        name, _, value = rest.rpartition(":") if kind != "remove" else (rest, "", "")
        try:
            if kind == "remove" and name:
                return cls("remove", name)
            if kind == "scale" and name and 0 < float(value) < 100:
                return cls("scale", name, factor=float(value))
            if kind == "shift" and name:
                rows, columns = (float(one) for one in value.split(","))
                if math.isfinite(rows) and math.isfinite(columns):
                    return cls("shift", name, rows, columns)
        except ValueError:
            pass
        raise UserError(f"--edit {text!r} is not one of {FORMS}.")

    def apply(self, masks: Masks, classes: Classes) -> Masks:
        """Change masks (N, H, W); new ones.

        Raises:
            UserError: there is no such class.
        """
        numbers = range(1, len(classes)) if self.name == ALL else [classes.number(self.name)]
        if 0 in numbers:
            raise UserError(f"--edit {self.kind}={self.name}: the {BACKGROUND} is no structure; name a class.")
        return np.stack([self._edited(mask, list(numbers)) for mask in masks]) if len(masks) else masks

    def _edited(self, mask: Masks, numbers: list[int]) -> Masks:
        region = np.isin(mask, numbers)
        if not region.any():
            return mask.copy()
        left = _closed(mask, region)
        if self.kind == "remove":
            return left
        moved = self._moved(np.where(region, mask, 0).astype(np.uint8), region)
        return np.where(moved > 0, moved, left).astype(np.uint8)

    def _moved(self, mask: Masks, region: npt.NDArray[np.bool_]) -> Masks:
        """The structure alone, where it goes, each pixel that of the nearest one it comes from."""
        factor = self.factor if self.kind == "scale" else 1.0
        centre = np.array(ndimage.center_of_mass(region))
        offset = centre - (centre + np.array([self.rows, self.columns])) / factor
        moved: Masks = ndimage.affine_transform(mask, [1 / factor] * 2, offset, order=0, mode="constant", cval=0)
        return moved


def _closed(mask: Masks, region: npt.NDArray[np.bool_]) -> Masks:
    """`mask` without `region`, whose pixels take the class of the nearest pixel outside it."""
    if region.all():
        return np.zeros_like(mask)
    rows, columns = ndimage.distance_transform_edt(region, return_distances=False, return_indices=True)
    closed: Masks = mask[rows, columns]
    return closed

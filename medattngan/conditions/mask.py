"""The mask of a slice as a condition: which class each pixel shows.

A run keeps the names of the classes and no mask: a mask is of a patient. So nothing can be drawn where nobody asks;
whoever samples gives masks, or has a run that draws them itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_bool_dtype
from torch import Tensor

from medattngan.conditions.condition import Column
from medattngan.core.files import UserError

NAME = "mask"
DRAWN = "drawn_mask"
"""The name under which a generator draws masks together with its slices, and is told none."""
CLASSES = "mask classes"
"""Where the attributes of a store's index say what its masks show."""
CURE = "give masks: --masks STORE, or a samples folder or file with masks"


@dataclass(frozen=True)
class Mask:
    """Masks of these classes.

    Args:
        classes: one record a class, background first, each with a `name` (see `data.masks.Classes`).
        name: NAME or DRAWN.

    >>> Mask(({"name": "background"}, {"name": "thalamus"})).encode(np.uint8([[[0, 1]]]))
    tensor([[[0, 1]]], dtype=torch.uint8)
    """

    classes: tuple[dict[str, Any], ...]
    name: str = NAME

    @property
    def drawn(self) -> bool:
        """Whether the generator draws the mask, in channels after the slice's, in place of being told it."""
        return self.name == DRAWN

    def encode(self, values: Column) -> Tensor:
        """(count, H, W) uint8, the number of each pixel's class; networks spread it over channels."""
        return torch.from_numpy(np.array(values, np.uint8))

    def parse(self, text: str) -> Any:
        """Raises: UserError: a mask is no text."""
        raise UserError(f"--condition {self.name}={text}: a mask is no value; {CURE}.")

    def require(self, values: Column) -> None:
        """Refuse masks with a number that is no class.

        Raises:
            UserError: naming it.
        """
        for mask in values:
            if (most := int(np.max(mask))) >= len(self.classes):
                raise UserError(f"a mask has class {most}, but the run knows {len(self.classes)}, from 0.")

    def draw(self, count: int, seed: int, place: int) -> Column:
        """Raises: UserError: a run has no masks to draw from."""
        raise UserError(f"the run draws slices from masks; {CURE}.")

    def spread(self, count: int, seed: int, place: int) -> Column:
        """As `draw`."""
        return self.draw(count, seed, place)

    def column(self, values: Column) -> Any:
        """The classes of each mask but the background, by name; the masks themselves lie beside the slices."""
        names = [str(record["name"]) for record in self.classes]
        listed = ["; ".join(names[k] for k in np.unique(mask) if k) for mask in values]
        return pd.array(listed, dtype="string")

    def record(self) -> dict[str, Any]:
        """The classes."""
        return {"kind": "mask", "name": self.name, "classes": list(self.classes)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Mask:
        """What `record` gave."""
        return cls(tuple(record["classes"]), str(record["name"]))


def is_mask(index: pd.DataFrame, name: str) -> bool:
    """Whether it is masks that are asked for, and the index says which slices have one."""
    return name in (NAME, DRAWN) and NAME in index and is_bool_dtype(index[NAME])


def measure_masks(index: pd.DataFrame, name: str) -> Mask:
    """The classes of the masks of a store.

    Raises:
        UserError: a slice has none.
    """
    if missing := int((~index[NAME]).sum()):
        raise UserError(f"data.conditions has {name}, but {missing} of {len(index)} training slices have no mask.")
    return Mask(tuple(index.attrs[CLASSES]), name)


def mask_among(conditions: Sequence[Any]) -> Mask | None:
    """The mask among conditions, if there is one.

    Raises:
        UserError: there are two.
    """
    found = [one for one in conditions if isinstance(one, Mask)]
    if len(found) > 1:
        raise UserError(f"data.conditions has {NAME} and {DRAWN}; a mask is told or drawn, so give one.")
    return found[0] if found else None

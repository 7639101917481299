"""A slice as MONAI and PyTorch pass samples around: a dictionary with the image as a MetaTensor.

    image            MetaTensor (1, H, W) float32 in physical units, with the affine from (row, column, 0) to RAS+ mm
    label            the place of the slice's label in `store.labels`, int, -1 where it has none; if there are labels
    mask             MetaTensor (1, H, W) uint8 on the same affine, the numbers of `store.classes`, 255 where the slice
                     has none; if the store has masks
    position_mm …    every other column of numbers of the index, float
    patient, series  pseudonyms; split, plane, modality, unit; `sequence` and captions in `text` where there are any

Scale it with MONAI's transforms (`ScaleIntensityRanged("image", lower, upper, -1, 1)`) or ask `store.unit(i)`, which is
what the networks of this package see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from medattngan.data.affine import slice_affine

if TYPE_CHECKING:
    from medattngan.data.store import SliceStore

TEXTS = ("patient", "series", "split", "plane", "modality", "unit")
NOT_TOLD = ("lower", "upper")
"""How a slice is stored, not what is on it."""


def item(store: SliceStore, i: int) -> dict[str, Any]:
    """Slice `i` of a store.

    Raises:
        IndexError: there is none; iteration ends by that.
    """
    from monai.data.meta_tensor import MetaTensor  # seconds, which whoever only counts slices need not wait for

    count = len(store)
    if not -count <= i < count:
        raise IndexError(f"slice {i} of {count}")
    i = i % count
    row = store.index.iloc[i]
    affine = slice_affine(
        str(row["plane"]), float(row["spacing_mm"]), store.size, float(row["position_mm"])
    )  # fmt: skip
    image = MetaTensor(torch.from_numpy(store.physical(i)).unsqueeze(0), affine=torch.from_numpy(affine))
    image.meta["spacing_mm"] = float(row["spacing_mm"])
    image.meta["unit"] = str(row["unit"])
    found: dict[str, Any] = {"image": image}
    if store.labels:
        found["label"] = store.labels.index(str(row["label"])) if pd.notna(row["label"]) else -1
    if store.classes is not None:
        found["mask"] = MetaTensor(torch.from_numpy(store.masks([i])), affine=image.affine)
    found |= {name: float(row[name]) for name in numbers(store.index)}
    texts = (*TEXTS, *(name for name in ("sequence", "text") if name in store.index))
    return found | {name: "" if pd.isna(row[name]) else str(row[name]) for name in texts}


def numbers(index: pd.DataFrame) -> list[str]:
    """The columns of an index that an item has as numbers."""
    return [
        str(name)
        for name in index
        if name not in NOT_TOLD and is_numeric_dtype(index[name]) and not is_bool_dtype(index[name])
    ]

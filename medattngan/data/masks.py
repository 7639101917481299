"""Masks beside slices: which class each pixel is of, and the table of classes that says what the numbers mean.

masks-00000.npy …   (count, H, W) uint8, one for each slice, in the parts of the pixels; UNKNOWN where there is no mask
classes.json        {"classes": [{"name", …}, …]}: entry k says what a pixel of value k is; 0 is background

A mask is resized by nearest neighbours: between two classes there is no third.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from medattngan.conditions.mask import NAME
from medattngan.core.files import UserError, read_json, write_json
from medattngan.data.blocks import mapped_parts

Masks: TypeAlias = npt.NDArray[np.uint8]
"""(..., H, W), the number of each pixel's class."""

UNKNOWN = 255
"""The value of every pixel of a slice that has no mask."""
MOST_CLASSES = 254
"""Besides the background, so that no class is UNKNOWN."""
CLASSES = "classes.json"
COLUMN = NAME
"""The column of a store's index that says whether a slice has a mask."""
BACKGROUND = "background"


@dataclass(frozen=True)
class Classes:
    """The table of classes.

    Args:
        records: one a class, background first: `name`, and what the class was in the source: `value`, a number, or
            `code`, [value, scheme, meaning] of a coded concept (DICOM PS3.3 8.8), with `side` where that was told.

    >>> Classes.named(["hippocampus"]).names
    ('background', 'hippocampus')
    """

    records: tuple[dict[str, Any], ...]

    @classmethod
    def named(cls, names: Sequence[str]) -> Classes:
        """Classes of these names, numbered from 1."""
        return cls(({"name": BACKGROUND}, *({"name": name} for name in names)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of every class, background first."""
        return tuple(str(record["name"]) for record in self.records)

    def __len__(self) -> int:
        return len(self.records)

    def number(self, name: str) -> int:
        """The number of a class, by its name or by the number itself.

        Raises:
            UserError: there is no such class.
        """
        if name in self.names:
            return self.names.index(name)
        if name.isdigit() and int(name) < len(self):
            return int(name)
        raise UserError(f"there is no class {name!r}; the masks have: {', '.join(self.names)}.")

    def save(self, folder: Path) -> None:
        """Write classes.json."""
        write_json(folder / CLASSES, {"classes": list(self.records)})

    @classmethod
    def of(cls, folder: Path) -> Classes | None:
        """The classes of a folder, or None where it has no masks.

        Raises:
            UserError: classes.json is not what was written.
        """
        if not (folder / CLASSES).is_file():
            return None
        found = read_json(folder / CLASSES)
        records = found.get("classes") if isinstance(found, dict) else None
        if not isinstance(records, list) or not all(isinstance(one, dict) and "name" in one for one in records):
            raise UserError(f"{folder / CLASSES} is damaged; copy the folder again or make it again.")
        return cls(tuple(records))


@dataclass
class MaskWriter:
    """Fill a store with masks, one for each slice and in parts as long as those of the pixels."""

    path: Path
    classes: Classes
    part_slices: int
    _buffer: list[Masks] = field(default_factory=list)
    _parts: int = 0

    def add(self, mask: Masks | None, size: int) -> None:
        """Append the mask (size, size) of the next slice, or that it has none."""
        self._buffer.append(np.full((size, size), UNKNOWN, np.uint8) if mask is None else mask)
        if len(self._buffer) == self.part_slices:
            self._flush()

    def _flush(self) -> None:
        name = f"masks-{self._parts:05d}.npy"
        np.save(self.path / name, np.ascontiguousarray(np.stack(self._buffer), np.uint8), allow_pickle=False)
        self._parts += 1
        self._buffer.clear()

    def finish(self) -> None:
        """Write what is left, and the classes."""
        if self._buffer:
            self._flush()
        self.classes.save(self.path)


def open_parts(path: Path) -> list[Masks]:
    """The masks of a store, memory-mapped; none where it has none.

    Raises:
        UserError: a file of them is damaged.
    """
    parts: list[Masks] = []
    for name, masks in mapped_parts(path, "masks"):
        if masks.ndim != 3 or masks.dtype != np.uint8:
            raise UserError(f"{path} is damaged: {name} holds no masks; ingest it again.")
        parts.append(masks)
    return parts


def masks_digest(path: Path) -> bytes:
    """SHA-256 of masks and classes of the store at `path`; nothing where it has none."""
    classes = Classes.of(path)
    if classes is None:
        return b""
    sha = hashlib.sha256(json.dumps(list(classes.records), sort_keys=True).encode())
    for part in open_parts(path):
        sha.update(np.ascontiguousarray(part).data)
    return sha.digest()


def resize_masks(masks: Masks, size: int) -> Masks:
    """(N, H, W) → (N, size, size), each pixel the nearest one's class; unchanged where the size is right.

    >>> resize_masks(np.uint8([[[0, 0, 1, 1]] * 4]), 2)[0, 0]
    array([0, 1], dtype=uint8)
    """
    if masks.shape[-2:] == (size, size):
        return masks
    resized = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(masks)).unsqueeze(1), (size, size), mode="nearest-exact"
    )
    return np.asarray(resized[:, 0].numpy(), np.uint8)

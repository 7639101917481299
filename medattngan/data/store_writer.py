"""Slices into a new store, one by one: memory holds one part of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medattngan.core.files import write_json
from medattngan.core.seal import seal
from medattngan.core.types import Codes
from medattngan.data.masks import Classes, Masks, MaskWriter, masks_digest
from medattngan.data.store import COLUMNS, PART_SLICES


class StoreWriter:
    """Fill an empty folder with slices in order, then `finish` it into a store."""

    def __init__(self, path: Path, classes: Classes | None = None) -> None:
        self.path = path
        self.masks = None if classes is None else MaskWriter(path, classes, PART_SLICES)
        self._buffer: list[Codes] = []
        self._parts = 0
        self._count = 0
        self._sha = hashlib.sha256()

    def add(self, codes: Codes, mask: Masks | None = None) -> None:
        """Append one slice (H, W) uint16, and its mask (H, W) uint8 where it has one."""
        if self.masks is not None:
            self.masks.add(mask, codes.shape[-1])
        self._buffer.append(codes)
        self._count += 1
        if len(self._buffer) == PART_SLICES:
            self._flush()

    def _flush(self) -> None:
        stack = np.ascontiguousarray(np.stack(self._buffer), dtype="<u2")
        self._sha.update(stack.tobytes())
        np.save(self.path / f"part-{self._parts:05d}.npy", stack, allow_pickle=False)
        self._parts += 1
        self._buffer.clear()

    def finish(self, index: pd.DataFrame, intensity: dict[str, Any], provenance: dict[str, Any]) -> None:
        """Write the table and the records. The seal comes last: a store without one is not whole."""
        if len(index) != self._count:
            raise ValueError(f"{self._count} slices were added but the index has {len(index)} rows")
        if self._buffer:
            self._flush()
        index = index.astype(COLUMNS).reset_index(drop=True)
        index.to_parquet(self.path / "index.parquet", index=False)
        self._sha.update(index.to_csv(index=False).encode())
        self._sha.update(json.dumps(intensity, sort_keys=True).encode())
        if self.masks is not None:
            self.masks.finish()
            self._sha.update(masks_digest(self.path))
        write_json(self.path / "intensity.json", intensity)
        write_json(self.path / "provenance.json", {**provenance, "digest": self._sha.hexdigest()})
        seal(self.path, "store")

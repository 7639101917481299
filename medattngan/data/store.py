"""The SliceStore: a folder of memory-mapped 16-bit slices, with one table row a slice.

part-00000.npy …   (count, H, W) uint16 codes; every part but the last holds PART_SLICES
index.parquet      one row a slice, in the order of the pixels
intensity.json     {"scheme", "lower", "upper", "unit", …}: the map a synthetic slice gets
provenance.json    how it was made, what was read, what was set aside and why; its "digest" names the content
masks-00000.npy …  classes.json   where it was made with masks (see `data/masks.py`)
seal.json          what every file was when it was written (see `core/seal.py`)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyarrow import ArrowException
from torch.utils.data import Dataset

from medattngan.conditions.mask import CLASSES
from medattngan.core import cards
from medattngan.core.cards import one_line
from medattngan.core.files import UserError, opened, read_json, unused
from medattngan.core.seal import check
from medattngan.core.text import counted
from medattngan.core.types import Codes, Physical
from medattngan.data.blocks import mapped_parts
from medattngan.data.intensity import IntensityMap, codes_to_unit
from medattngan.data.items import item
from medattngan.data.masks import COLUMN, UNKNOWN, Classes, Masks, masks_digest, open_parts, resize_masks
from medattngan.data.stacks import Stacks, stacks
from medattngan.data.thumbnails import spread, strip

PART_SLICES = 4096
SPLITS = ("train", "val", "test")
COLUMNS: dict[str, str] = {
    "patient": "string",  # pseudonym
    "series": "string",  # pseudonym
    "modality": "string",  # DICOM's Modality: CT, MR, CR, DX …; OT where unknown
    "plane": "string",  # axial, coronal, sagittal, or acquired
    "position_mm": "float64",  # along the slice normal; NaN where unknown
    "spacing_mm": "float64",  # of the stored pixels, both ways; NaN where unknown
    "label": "string",  # missing where there is none
    "split": "string",  # one of SPLITS
    "lower": "float64",  # the slice's own intensity map
    "upper": "float64",
    "unit": "string",
}
"""The columns every index has, with their types. `age` (years), `sex`, the `sequence` of MR and other numbers of the
user's may follow."""


class SliceStore(Dataset[dict[str, Any]]):
    """A set of 2D slices on disk, opened without reading the pixels.

    A map-style dataset of PyTorch and MONAI, whose items are dictionaries (see `data/items.py`): a DataLoader, MONAI's
    Dataset and its transforms work on it, and on `store.split("train")`.

    >>> store = SliceStore.open("ixi-64")                          # doctest: +SKIP
    >>> len(store), store.physical(0).shape, store.split("test")   # doctest: +SKIP
    """

    def __init__(
        self, path: Path, index: pd.DataFrame, rows: npt.NDArray[np.intp], labels: tuple[str, ...] = ()
    ) -> None:
        self.path = path
        self.index = index
        self.labels = labels
        self._rows = rows
        self._parts = _open_parts(path)
        self._masks = open_parts(path)
        self.classes = Classes.of(path)
        """What the masks of the store show, or None where it has none."""
        self.intensity: dict[str, Any] = read_json(path / "intensity.json")
        self.provenance: dict[str, Any] = read_json(path / "provenance.json")

    @classmethod
    def of(cls, given: SliceStore | str | Path) -> SliceStore:
        """A slice store that is open already, or the one at a path.

        Raises:
            UserError: it is neither.
        """
        return opened(cls, given, "a slice store", 'mg.SliceStore.open("store")')

    @classmethod
    def open(cls, path: str | Path) -> SliceStore:
        """Open the store at `path`, and find out whether it is still what was written.

        Raises:
            UserError: there is no whole store there, or it is damaged.
        """
        path = Path(path)
        if not (path / "index.parquet").is_file() or not (path / "provenance.json").is_file():
            raise UserError(f"{path} is not a slice store; make one with: medattngan ingest SCANS --out {unused(path)}")
        check(path, "store")
        index = _read_index(path)
        if (classes := Classes.of(path)) is not None:
            index.attrs[CLASSES] = list(classes.records)
        labels = tuple(sorted(map(str, index["label"].dropna().unique())))
        store = cls(path, index, np.arange(len(index)), labels)
        if store.classes is not None and [len(one) for one in store._masks] != [len(one) for one in store._parts]:
            raise UserError(f"{path} is damaged: there are not as many masks as slices; ingest it again.")
        stored = sum(len(part) for part in store._parts)
        if stored != len(index):
            rows = counted(len(index), "index rows")
            raise UserError(f"{path} is damaged: {counted(stored, 'slices')} but {rows}; ingest it again.")
        return store

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> dict[str, Any]:
        """Slice `i` as a dictionary for PyTorch and MONAI; see `data/items.py`."""
        return item(self, i)

    def __getstate__(self) -> dict[str, Any]:
        """For a DataLoader's workers: the pixels are mapped there again, and not copied."""
        return {**self.__dict__, "_parts": None, "_masks": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._parts, self._masks = _open_parts(self.path), open_parts(self.path)

    def __repr__(self) -> str:
        return cards.lines(f"SliceStore at {self.path}", self._facts())

    def _repr_html_(self) -> str:
        picture = strip(self.read(spread(len(self))))
        return cards.table(f"SliceStore at {self.path}", self._facts(), picture, "slices, evenly over the store")

    def _facts(self) -> dict[str, object]:
        index = self.index
        kinds = [name for name in ("modality", "sequence", "plane") if name in index]
        counts = {name: int((index["split"] == name).sum()) for name in SPLITS}
        facts: dict[str, object] = {
            "slices": f"{len(self)} of {self.size} x {self.size} px ({one_line(counts)})",
            "patients": index["patient"].nunique(),
            "kinds": one_line(index.groupby([index[name].fillna("-") for name in kinds]).size().to_dict()),
            "values": f"{self.map.lower:g} to {self.map.upper:g} {self.map.unit}",
        }
        return facts | (
            {"labels": one_line(index["label"].value_counts().sort_index().to_dict())} if self.labels else {}
        )

    @property
    def size(self) -> int:
        """Height and width of every slice, in pixels."""
        return int(self._parts[0].shape[-1])

    @property
    def digest(self) -> str:
        """SHA-256 of pixels, index, intensity map and masks; the same content has the same digest anywhere."""
        return str(self.provenance["digest"])

    @property
    def map(self) -> IntensityMap:
        """The map that stands for the whole store: what a synthetic slice is given."""
        return IntensityMap(float(self.intensity["lower"]), float(self.intensity["upper"]), str(self.intensity["unit"]))

    def select(self, mask: npt.ArrayLike) -> SliceStore:
        """The slices where `mask` (len(self),) is true, as a view; `index` is renumbered from 0."""
        keep = np.asarray(mask, bool)
        return SliceStore(self.path, self.index[keep].reset_index(drop=True), self._rows[keep], self.labels)

    def split(self, name: str) -> SliceStore:
        """The slices of one split: `train`, `val` or `test`.

        Raises:
            UserError: there is no such split, or it is empty.
        """
        if name not in SPLITS:
            raise UserError(f"there is no split {name!r}; choose one of {', '.join(SPLITS)}.")
        part = self.select(self.index["split"] == name)
        if len(part) == 0:
            raise UserError(f"split {name!r} of {self.path} holds no slice; ingest with another --split.")
        return part

    def stacks(self, depth: int, step_mm: float | None = None) -> Stacks:
        """Every stack of `depth` neighbouring slices of one series, evenly spaced; see `data/stacks.py`.

        Raises:
            UserError: there is none; the sentence says why.
        """
        return stacks(self, depth, step_mm)

    def codes(self, i: int) -> Codes:
        """Slice `i` as stored: (H, W) uint16."""
        part, offset = divmod(int(self._rows[i]), PART_SLICES)
        return np.array(self._parts[part][offset])

    def physical(self, i: int) -> Physical:
        """Slice `i` in physical units (see `index.unit`): (H, W) float32."""
        row = self.index.iloc[i]
        return IntensityMap(float(row["lower"]), float(row["upper"]), str(row["unit"])).decode(self.codes(i))

    def unit(self, i: int) -> npt.NDArray[np.float32]:
        """Slice `i` as the network sees it: (H, W) float32 in [-1, 1]."""
        return codes_to_unit(self.codes(i))

    def read(self, rows: Sequence[int]) -> Codes:
        """The slices `rows`, in this order and in memory: (len(rows), H, W) uint16."""
        codes = np.empty((len(rows), self.size, self.size), np.uint16)
        for place, row in enumerate(rows):
            codes[place] = self.codes(row)
        return codes

    def masks(self, rows: Sequence[int], size: int | None = None) -> Masks:
        """The masks of the slices `rows`, in this order: (len(rows), H, W) uint8; UNKNOWN where a slice has none.

        Args:
            size: height and width wanted, in pixels; None for the store's own.
        """
        masks = np.full((len(rows), self.size, self.size), UNKNOWN, np.uint8)
        for place, row in enumerate(rows):
            part, offset = divmod(int(self._rows[row]), PART_SLICES)
            if self._masks:
                masks[place] = self._masks[part][offset]
        return resize_masks(masks, self.size if size is None else size)

    def with_masks(self) -> SliceStore:
        """The slices that have a mask.

        Raises:
            UserError: none has.
        """
        if self.classes is None or not self.index[COLUMN].any():
            raise UserError(f"{self.path} has no masks; ingest the scans with --masks.")
        return self.select(self.index[COLUMN])

    def all_codes(self) -> Codes:
        """Every slice, in memory: (len(self), H, W) uint16."""
        return self.read(range(len(self)))


def _open_parts(path: Path) -> list[Codes]:
    """The pixels of a store, memory-mapped."""
    parts: list[Codes] = []
    for name, codes in mapped_parts(path, "part"):
        if codes.ndim != 3 or codes.dtype != np.uint16 or codes.shape[1:] != (parts or [codes])[0].shape[1:]:
            raise UserError(f"{path} is damaged: {name} holds no slices of this store; ingest it again.")
        parts.append(codes)
    return parts


def content_digest(path: Path) -> str:
    """SHA-256 of what the store at `path` holds now: pixels, index, intensity map and masks.

    Raises:
        UserError: a file of it cannot be read.
    """
    sha = hashlib.sha256()
    for part in _open_parts(path):
        sha.update(np.ascontiguousarray(part).data)
    sha.update(_read_index(path).to_csv(index=False).encode())
    sha.update(json.dumps(read_json(path / "intensity.json"), sort_keys=True).encode())
    sha.update(masks_digest(path))
    return sha.hexdigest()


def _read_index(path: Path) -> pd.DataFrame:
    try:
        index = pd.read_parquet(path / "index.parquet")
    except (OSError, ValueError, ArrowException):
        raise UserError(f"{path} is damaged: index.parquet cannot be read; ingest it again.") from None
    if missing := [name for name in COLUMNS if name not in index.columns]:
        raise UserError(f"{path} is damaged: index.parquet lacks the column {missing[0]}; ingest it again.")
    return index

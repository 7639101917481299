"""The Samples folder: slices that a run drew, as written by `sample` and read by `evaluate`, `audit` and `export`.

They are synthetic, unless `reconstruct` drew them from latents of patients: see `data/sources.py`.

pixels.npy         (count, H, W) uint16 codes
samples.parquet    one row a slice: seed, label, truncation; a later verdict may add columns
intensity.json     the map to physical units, with modality, plane and spacing of the training store
provenance.json    run, checkpoint, seed, versions
masks.npy          (count, H, W) uint8 and classes.json, where the slices have masks (see `data/masks.py`)
seal.json          what every file was when it was written, and after an audit what it judged (see `core/seal.py`)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import ArrowException

from medattngan.core import cards
from medattngan.core.files import UserError, atomic_folder, opened, read_json, unused, write_json
from medattngan.core.privacy import promised
from medattngan.core.seal import check, seal
from medattngan.core.types import Codes, Images, Physical
from medattngan.data.blocks import NpyWriter, blocks
from medattngan.data.images import codes_to_images
from medattngan.data.intensity import IntensityMap
from medattngan.data.masks import Classes, Masks
from medattngan.data.sources import is_of_patients, require_synthetic
from medattngan.data.thumbnails import spread, strip

MASKS = "masks.npy"


@dataclass(frozen=True)
class Samples:
    """Slices that a run drew: synthetic, unless `of_patients`.

    Args:
        codes: (count, H, W) uint16, in memory; of a folder that was opened, a map of its file.
        table: one row a slice, with at least `seed` and `label`.
        intensity: `lower`, `upper`, `unit`, and where known `modality`, `plane`, `spacing_mm`.
        provenance: where they came from.
        altered_since_audit: whether the verdict of an audit does not hold any more.
        path: the folder they were opened from; None in memory.
        masks: (count, H, W) uint8, what each slice was drawn from or with, by the numbers of `classes`; or None.
    """

    codes: Codes
    table: pd.DataFrame
    intensity: dict[str, Any]
    provenance: dict[str, Any]
    altered_since_audit: bool = False
    path: Path | None = None
    masks: Masks | None = None
    classes: Classes | None = None

    @classmethod
    def of(cls, given: Samples | str | Path) -> Samples:
        """Samples that are in memory already, or those of a folder.

        Raises:
            UserError: they are neither.
        """
        return opened(cls, given, "a samples folder", 'mg.Samples.open("samples")')

    def __repr__(self) -> str:
        return cards.lines(self._title, self._facts())

    def _repr_html_(self) -> str:
        picture = strip(np.asarray(self.codes[spread(len(self))]))
        return cards.table(self._title, self._facts(), picture, f"{self._kind} slices, evenly over all")

    @property
    def of_patients(self) -> bool:
        """Whether they were drawn from latents of patients' slices, and so are not synthetic."""
        return is_of_patients(self.provenance)

    def require_synthetic(self, done: str) -> None:
        """Refuse slices of patients. `done` is what is refused, as `exported`.

        Raises:
            UserError: they are.
        """
        require_synthetic(self.provenance, "the slices" if self.path is None else str(self.path), done)

    @property
    def _kind(self) -> str:
        return "reconstructed" if self.of_patients else "synthetic"

    @property
    def _title(self) -> str:
        return "Samples in memory" if self.path is None else f"Samples at {self.path}"

    def _facts(self) -> dict[str, object]:
        height, width = self.codes.shape[1:]
        facts: dict[str, object] = {
            "slices": f"{len(self)} {self._kind} of {height} x {width} px",
            "values": f"{self.map.lower:g} to {self.map.upper:g} {self.map.unit}",
        }
        facts |= {name: self.provenance[name] for name in ("preset", "seed", "truncation") if name in self.provenance}
        if "privacy" in self.provenance.get("checkpoint", {}):
            facts["private"] = promised(self.provenance["checkpoint"]["privacy"])
        if self.table["label"].notna().any():
            facts["labels"] = cards.one_line(self.table["label"].value_counts().sort_index().to_dict())
        if "flagged" in self.table:
            facts["flagged by the audit"] = int(self.table["flagged"].sum())
        return facts

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def map(self) -> IntensityMap:
        """The map from codes to physical units."""
        return IntensityMap(float(self.intensity["lower"]), float(self.intensity["upper"]), str(self.intensity["unit"]))

    def physical(self, i: int) -> Physical:
        """Slice `i` in physical units: (H, W) float32."""
        return self.map.decode(self.codes[i])

    def unit(self) -> Images:
        """All slices as the network sees them: (count, 1, H, W) float32 tensor in [-1, 1]."""
        return codes_to_images(self.codes)

    def require_verdict(self) -> None:
        """Refuse slices that were audited, and are not what they were then.

        Raises:
            UserError: pixels or table were altered since.
        """
        if self.altered_since_audit:
            raise UserError(
                "the samples were altered since they were audited, and may hold copies of patients; "
                "run medattngan audit on them again."
            )

    def save(self, path: str | Path) -> None:
        """Write the folder, whole or not at all.

        Raises:
            UserError: `path` exists already.
        """
        height, width = self.codes.shape[1:]
        pairs = blocks(self.codes) if self.masks is None else zip(blocks(self.codes), self._masks(), strict=True)
        write_samples(
            Path(path), pairs, (height, width), self.table, self.intensity, self.provenance, self.classes
        )  # fmt: skip

    def _masks(self) -> Iterator[Masks]:
        """The masks in the blocks of the slices."""
        start = 0
        for block in blocks(self.codes):
            assert self.masks is not None
            yield np.array(self.masks[start : start + len(block)])
            start += len(block)

    @classmethod
    def open(cls, path: str | Path) -> Samples:
        """Read the folder that `save` wrote.

        Raises:
            UserError: it is not one, or it is damaged.
        """
        path = Path(path)
        if not (path / "pixels.npy").is_file() or not (path / "samples.parquet").is_file():
            raise UserError(
                f"{path} is not a samples folder; make one with: medattngan sample RUN --out {unused(path)}"
            )
        sealed = check(path, "samples")
        try:
            codes = np.load(path / "pixels.npy", mmap_mode="r", allow_pickle=False)
            table = pd.read_parquet(path / "samples.parquet")
        except (OSError, ValueError, EOFError, ArrowException):
            cure = "copy it or sample it again"
            raise UserError(f"{path} is damaged: pixels.npy or samples.parquet is incomplete; {cure}.") from None
        if codes.ndim != 3 or codes.dtype != np.uint16 or len(codes) != len(table):
            raise UserError(f"{path} is damaged: pixels.npy and samples.parquet do not agree; sample it again.")
        records = read_json(path / "intensity.json"), read_json(path / "provenance.json")
        classes = Classes.of(path)
        masks = None if classes is None else np.load(path / MASKS, mmap_mode="r", allow_pickle=False)
        if masks is not None and masks.shape != codes.shape:
            raise UserError(f"{path} is damaged: pixels.npy and {MASKS} do not agree; sample it again.")
        return cls(codes, table, *records, sealed.altered_since_audit, path, masks, classes)


def write_samples(
    path: Path,
    codes: Iterable[Codes | tuple[Codes, Masks]],
    shape: tuple[int, int],
    table: pd.DataFrame,
    intensity: dict[str, Any],
    provenance: dict[str, Any],
    classes: Classes | None = None,
) -> None:
    """Write a samples folder, whole or not at all, from slices that come in blocks (n, H, W).

    Args:
        path: the folder to make.
        codes: as many slices as `table` has rows; with their masks, where there are `classes`.
        shape: (H, W).
        table: see `Samples`, as are the others.

    Raises:
        UserError: `path` exists already.
    """
    with atomic_folder(path) as folder:
        with ExitStack() as files:
            pixels = files.enter_context(NpyWriter(folder / "pixels.npy", (len(table), *shape)))
            masks = None
            if classes is not None:
                classes.save(folder)
                masks = files.enter_context(NpyWriter(folder / MASKS, (len(table), *shape), "|u1"))
            for block in codes:
                pixels.write(block[0] if isinstance(block, tuple) else block)
                if masks is not None:
                    masks.write(block[1])
        table.to_parquet(folder / "samples.parquet", index=False)
        write_json(folder / "intensity.json", intensity)
        write_json(folder / "provenance.json", provenance)
        seal(folder, "samples")


def require_verdict_heeded(source: Path) -> None:
    """Refuse the bare pixels of a samples folder: the table beside them says which slices an audit flagged.

    Raises:
        UserError: `source` is the `pixels.npy` of a samples folder.
    """
    if source.name == "pixels.npy" and (source.parent / "samples.parquet").is_file():
        raise UserError(
            f"{source} leaves behind which slices an audit flagged; give its folder, {source.parent}, in its place."
        )

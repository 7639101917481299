"""The Samples folder: synthetic slices as written by `sample` and read by `evaluate`, `audit` and `export`.

pixels.npy         (count, H, W) uint16 codes
samples.parquet    one row a slice: seed, label, truncation; a later verdict may add columns
intensity.json     the map to physical units, with modality, plane and spacing of the training store
provenance.json    run, checkpoint, seed, versions
seal.json          what every file was when it was written, and after an audit what it judged (see `core/seal.py`)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import ArrowException

from medattngan.core.files import UserError, atomic_folder, read_json, unused, write_json
from medattngan.core.seal import check, seal
from medattngan.core.types import Codes, Images, Physical
from medattngan.data.blocks import NpyWriter, blocks
from medattngan.data.images import codes_to_images
from medattngan.data.intensity import IntensityMap


@dataclass(frozen=True)
class Samples:
    """Synthetic slices.

    Args:
        codes: (count, H, W) uint16, in memory; of a folder that was opened, a map of its file.
        table: one row a slice, with at least `seed` and `label`.
        intensity: `lower`, `upper`, `unit`, and where known `modality`, `plane`, `spacing_mm`.
        provenance: where they came from.
        altered_since_audit: whether the verdict of an audit does not hold any more.
    """

    codes: Codes
    table: pd.DataFrame
    intensity: dict[str, Any]
    provenance: dict[str, Any]
    altered_since_audit: bool = False

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
        write_samples(Path(path), blocks(self.codes), (height, width), self.table, self.intensity, self.provenance)

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
        return cls(codes, table, *records, sealed.altered_since_audit)


def write_samples(
    path: Path,
    codes: Iterable[Codes],
    shape: tuple[int, int],
    table: pd.DataFrame,
    intensity: dict[str, Any],
    provenance: dict[str, Any],
) -> None:
    """Write a samples folder, whole or not at all, from slices that come in blocks (n, H, W).

    Args:
        path: the folder to make.
        codes: as many slices as `table` has rows.
        shape: (H, W).
        table: see `Samples`, as are the others.

    Raises:
        UserError: `path` exists already.
    """
    with atomic_folder(path) as folder:
        with NpyWriter(folder / "pixels.npy", (len(table), *shape)) as pixels:
            for block in codes:
                pixels.write(block)
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

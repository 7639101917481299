"""The Latents folder: where slices of patients lie in the latent space of a run. Patient data, like the store.

latents.npy            (count, z_dim) float32: means
spread.npy             (count, z_dim) float32: standard deviations; 0 where the encoder gives a point
latents.parquet        one row a latent: row of the store, patient and series (pseudonyms), position, label, split …
encoder.safetensors    of an encoder that was trained for the run; a run with its own keeps it
provenance.json        run, encoder, store and split of the sources, versions; says that it is not synthetic
README.txt             says that it is to be guarded
seal.json              what every file was when it was written (see `core/seal.py`)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyarrow import ArrowException
from safetensors.torch import load_file, save_file
from torch import Tensor

from medattngan.core.files import UserError, atomic_folder, mistaken, read_json, unused, write_json, write_text
from medattngan.core.seal import check, seal
from medattngan.data.sources import LATENTS

SPREAD, TABLE, ENCODER = "spread.npy", "latents.parquet", "encoder.safetensors"
NOTE = """These are latents of patients' slices: with the run that they belong to, anyone can draw the slices again.
Guard this folder as you guard the scans. It holds pseudonyms and no name, as a slice store does. No verb exports it.
"""
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Latents:
    """Latents of patients' slices.

    Args:
        means: (count, z_dim), of what the encoder says of each slice.
        spread: (count, z_dim), the standard deviations.
        table: one row a latent.
        provenance: where they came from.
        path: the folder they were opened from.
    """

    means: Values
    spread: Values
    table: pd.DataFrame
    provenance: dict[str, Any]
    path: Path

    @classmethod
    def of(cls, given: Latents | str | Path) -> Latents:
        """Latents that are open already, or those of a folder.

        Raises:
            UserError: they are neither.
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, str | Path):
            raise mistaken(given, "a latents folder", 'mg.Latents.open("latents")')
        return cls.open(given)

    @classmethod
    def open(cls, path: str | Path) -> Latents:
        """Open the folder that `encode` wrote.

        Raises:
            UserError: it is not one, or it is damaged.
        """
        path = Path(path)
        if not (path / LATENTS).is_file() or not (path / TABLE).is_file():
            raise UserError(
                f"{path} is not a latents folder; make one with: medattngan encode RUN STORE --out {unused(path)}"
            )
        check(path, "latents")
        try:
            means = np.load(path / LATENTS, allow_pickle=False)
            spread = np.load(path / SPREAD, allow_pickle=False)
            table = pd.read_parquet(path / TABLE)
        except (OSError, ValueError, EOFError, ArrowException):
            raise UserError(f"{path} is damaged: a file cannot be read; encode again.") from None
        if means.ndim != 2 or means.shape != spread.shape or len(means) != len(table):
            raise UserError(f"{path} is damaged: {LATENTS}, {SPREAD} and {TABLE} do not agree; encode again.")
        return cls(means, spread, table, read_json(path / "provenance.json"), path)

    def __len__(self) -> int:
        return len(self.means)

    def __repr__(self) -> str:
        patients = self.table["patient"].nunique()
        return f"Latents at {self.path}: {len(self)} of {self.means.shape[1]} numbers, of {patients} patients"

    def encoder(self) -> dict[str, Tensor] | None:
        """The weights of the encoder that was trained for them; None where the run has its own."""
        return load_file(self.path / ENCODER) if (self.path / ENCODER).is_file() else None


def write_latents(
    path: Path,
    means: Values,
    spread: Values,
    table: pd.DataFrame,
    provenance: dict[str, Any],
    encoder: dict[str, Tensor] | None = None,
) -> None:
    """Write a latents folder, whole or not at all; see `Latents`.

    Raises:
        UserError: `path` exists already.
    """
    with atomic_folder(path) as folder:
        np.save(folder / LATENTS, np.ascontiguousarray(means, "<f4"), allow_pickle=False)
        np.save(folder / SPREAD, np.ascontiguousarray(spread, "<f4"), allow_pickle=False)
        table.to_parquet(folder / TABLE, index=False)
        if encoder is not None:
            save_file({name: tensor.contiguous() for name, tensor in encoder.items()}, folder / ENCODER)
        write_json(folder / "provenance.json", provenance)
        write_text(folder / "README.txt", NOTE)
        seal(folder, "latents")

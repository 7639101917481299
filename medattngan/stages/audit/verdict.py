"""The verdict of each sample goes into the samples folder, where `export` reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.core.files import UserError
from medattngan.core.seal import replace_file
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore


def is_samples_folder(path: Path) -> bool:
    """Whether `path` is a folder that `sample` wrote: slices from elsewhere have no table to hold a verdict."""
    return (path / "samples.parquet").is_file() and (path / "pixels.npy").is_file()


def require_same_store(path: Path, samples: Samples, store: SliceStore) -> None:
    """Refuse samples of a run on other patients: an audit against the wrong ones would acquit every copy.

    Raises:
        UserError: the samples say that they come from another store.
    """
    theirs = samples.provenance.get("store_digest")
    if theirs is not None and theirs != store.digest:
        raise UserError(
            f"{path} comes from a run on another store than {store.path}; audit it with the one it was trained on."
        )


def require_writable(path: Path) -> None:
    """Refuse, before the long search, samples whose table could not be given the verdict at its end.

    Raises:
        UserError: the folder or its table cannot be written.
    """
    if not (os.access(path, os.W_OK) and os.access(path / "samples.parquet", os.W_OK)):
        raise UserError(
            f"{path} cannot be written, and the verdict goes into its samples.parquet; allow that, or audit a copy."
        )


def write_verdict(path: Path, flagged: npt.NDArray[np.bool_], record: dict[str, Any]) -> None:
    """Put the column `flagged` into samples.parquet, and `record`, which says how it came about, into its metadata.

    Both are in one file, which is replaced whole: there is no moment at which one is there without the other. A later
    audit takes the place of an earlier one. `pandas.read_parquet(…).attrs["audit"]` is the record. The folder's seal
    notes which pixels and which table an audit left behind: see `Samples.require_verdict`.
    """
    table = pd.read_parquet(path / "samples.parquet")
    table["flagged"] = flagged
    table.attrs["audit"] = record

    def write(to: Path) -> None:
        table.to_parquet(to, index=False)

    replace_file(path, "samples", "samples.parquet", write, audited=("pixels.npy", "samples.parquet"))

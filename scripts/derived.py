"""Stores that scripts make out of others: fewer patients, fewer slices, smaller ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from medattngan.core.files import UserError, atomic_folder
from medattngan.core.types import Codes
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter


def store_of_few(store: SliceStore, patients: int, path: Path) -> SliceStore:
    """A store at `path` of every training slice of the first `patients` training pseudonyms.

    Raises:
        UserError: there are not so many.
    """
    part = store.split("train")
    names = sorted(part.index["patient"].unique())
    if not 1 <= patients <= len(names):
        raise UserError(f"--patients is {patients}; {store.path} has {len(names)} training patients.")
    few = part.select(part.index["patient"].isin(names[:patients]).to_numpy(bool))
    return derived_store(path, few, {"made_by": "scripts/derived.py", "patients": patients})


def derived_store(
    path: Path,
    part: SliceStore,
    origin: dict[str, Any],
    *,
    slices: Callable[[int], Codes] | None = None,
    spacing_ratio: float = 1.0,
) -> SliceStore:
    """The store at `path`; where there is none yet, it is written first, whole or not at all.

    Args:
        part: whose slices it holds.
        origin: what its provenance says besides the digest of the store that `part` is of.
        slices: the codes (H, W) of the slice at a row of `part`, where they are not to be as stored.
        spacing_ratio: how many times as far apart their pixels are.
    """
    if not path.is_dir():
        intensity = dict(part.intensity)
        if intensity.get("spacing_mm") is not None:
            intensity["spacing_mm"] = float(intensity["spacing_mm"]) * spacing_ratio
        with atomic_folder(path) as folder:
            writer = StoreWriter(folder)
            for row in range(len(part)):
                writer.add((slices or part.codes)(row))
            index = part.index.assign(spacing_mm=part.index["spacing_mm"] * spacing_ratio)
            writer.finish(index, intensity, {**origin, "from_store": part.digest})
    made = SliceStore.open(path)
    if made.provenance.get("from_store") != part.digest or len(made) != len(part):
        raise SystemExit(f"{path} was made of other slices; give another --work")
    return made

"""What a case shows: a list of slices. One, or `depth` neighbours of one series, or of one synthetic volume.

Of a store, the slices of a series in the order of their positions, without a gap. Of synthetic volumes, either the rows
of a samples folder that share a value of the column `volume`, by `position_mm` where it is known, else by their rows;
or a folder with one folder or one `.npy` (D, H, W) a volume, whose slices are in the natural order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from medattngan.core.files import UserError
from medattngan.review.choose import APART_MM

VOLUME = "volume"
"""The column of samples that says which slices belong to one volume."""
EVEN = 0.05
"""Steps between neighbours that differ by less than this share of the median step leave no gap."""


@dataclass(frozen=True)
class Stacks:
    """What may become a case.

    Args:
        rows: of each, the slices from first to last; all of one length.
        table: one row each, as `choose` wants it: `label`, `position_mm`, `patient`, `flagged` where they are known.
        apart_mm: how far the middles of two of one patient lie apart where that can be, so that they are not alike.
    """

    rows: list[list[int]]
    table: pd.DataFrame
    apart_mm: float = APART_MM

    def slices(self, chosen: list[int]) -> list[int]:
        """The slices of the chosen ones, one after another."""
        return [row for one in chosen for row in self.rows[one]]


def single(table: pd.DataFrame) -> Stacks:
    """Each slice on its own."""
    return Stacks([[row] for row in range(len(table))], table)


def neighbours(index: pd.DataFrame, depth: int, where: object) -> Stacks:
    """Every `depth` neighbouring slices of one series of a store's index.

    Raises:
        UserError: there are none; `where` names the store.
    """
    if depth == 1:
        return single(index)
    positions = index["position_mm"].to_numpy(float)
    rows = [window for of in _groups(index["series"]) for window in _without_gap(of, positions, depth)]
    if not rows:
        raise UserError(f"{where} has no series with {depth} neighbouring slices of known position; lower --depth.")
    spans = np.array([positions[window[-1]] - positions[window[0]] for window in rows])
    apart = max(APART_MM, float(np.median(spans)) * depth / (depth - 1))
    return Stacks(rows, _table(index, rows, positions), apart)


def of_volumes(table: pd.DataFrame, depth: int, where: object, rng: np.random.Generator) -> Stacks:
    """`depth` neighbouring slices of each synthetic volume, by the column `volume`; which, chance decides.

    Raises:
        UserError: no slice is said to be of a volume, or none has so many.
    """
    if depth == 1:
        return single(table)
    if VOLUME not in table:
        raise UserError(
            f"{where} does not say which slices make a volume, which --depth {depth} needs; give one folder or .npy a "
            f"volume, or samples with a column '{VOLUME}'."
        )
    unknown = np.full(len(table), np.nan)
    positions = table["position_mm"].to_numpy(float) if "position_mm" in table else unknown
    rows = []
    for of in _groups(table[VOLUME]):
        if np.isnan(positions[of]).any():
            windows = [of[start : start + depth] for start in range(len(of) - depth + 1)]
        else:
            windows = list(_without_gap(of, positions, depth))
        if windows:
            rows.append(windows[int(rng.integers(len(windows)))])
    if not rows:
        raise UserError(f"no volume of {where} has {depth} neighbouring slices; lower --depth.")
    return Stacks(rows, _table(table, rows, positions))


def volume_parts(source: object) -> list[Path]:
    """The volumes of a folder that holds one folder, or one .npy, a volume, in natural order; none of anything else."""
    if not isinstance(source, str | Path) or not Path(source).is_dir() or (Path(source) / "samples.parquet").is_file():
        return []
    from medattngan.external.listing import natural  # pydicom takes half a second, which single slices do without

    inside = sorted((one for one in Path(source).iterdir() if one.name[0] != "."), key=lambda one: natural(one.name))
    parts = [one for one in inside if one.is_dir() or one.suffix in (".npy", ".npz")]
    return parts if len(parts) == len(inside) else []


def require_one_size(parts: Sequence[Path], sizes: Sequence[int]) -> None:
    """Volumes of unlike slices cannot be shown alike.

    Raises:
        UserError: they are.
    """
    for part, size in zip(parts, sizes, strict=True):
        if size != sizes[0]:
            raise UserError(f"the slices of {part} are {size} px, those of {parts[0]} {sizes[0]} px; resize them.")


def _groups(names: pd.Series[str]) -> Iterator[list[int]]:
    """Rows by name, in the order in which the names come first; rows without one belong to none."""
    numbers, known = pd.factorize(names)
    for number in range(len(known)):
        yield [int(row) for row in np.flatnonzero(numbers == number)]


def _without_gap(rows: list[int], positions: np.ndarray, depth: int) -> Iterator[list[int]]:
    """Windows of `depth` rows whose steps are all alike, the step being the median of the series."""
    ordered = sorted((row for row in rows if np.isfinite(positions[row])), key=lambda row: positions[row])
    steps = np.diff(positions[ordered])
    if len(steps) < depth - 1:
        return
    even = np.abs(steps - np.median(steps)) <= EVEN * np.median(steps)
    for start in range(len(ordered) - depth + 1):
        if even[start : start + depth - 1].all() and np.median(steps) > 0:
            yield ordered[start : start + depth]


def _table(table: pd.DataFrame, rows: list[list[int]], positions: np.ndarray) -> pd.DataFrame:
    """One row a stack: what is true of its middle slice, its middle position, and whether any slice is flagged."""
    stacks = table.iloc[[one[len(one) // 2] for one in rows]].reset_index(drop=True)
    stacks["position_mm"] = [float(positions[one].mean()) for one in rows]
    if "flagged" in table:
        flags = table["flagged"].astype("boolean").fillna(False).to_numpy(bool)
        stacks["flagged"] = [bool(flags[one].any()) for one in rows]
    return stacks

"""The real slices that a score compares with, and those of other patients that its floor is measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.data.store import SliceStore
from medattngan.stages.evaluate.strata import THIRDS

LEAST_IMAGES = 10
"""With fewer a side, every score is noise."""
FEW_PATIENTS = 10
"""With fewer in the reference, bootstrap percentile intervals cover clearly less than they say (Hesterberg 2015,
doi:10.1080/00031305.2015.1089789)."""
THIRD_OF_VOLUME, SHARE_OF_VOLUME = "third_of_volume", "share_of_volume"


@dataclass(frozen=True)
class RealSets:
    """Two sets of real slices of equal count that share no patient.

    Args:
        reference: (n, 1, H, W), what the synthetic slices are compared with.
        rows: the index row of each slice of `reference`, with its third of the volume.
        other: (n, 1, H, W), put in the place of the synthetic slices to measure the floor.
        other_rows: the index row of each slice of `other`.
        described: where the two come from, in words.
        labels: all that the store knows, also where no slice of these sets has one.
    """

    reference: SliceImages
    rows: pd.DataFrame
    other: SliceImages
    other_rows: pd.DataFrame
    described: str
    labels: frozenset[str] = frozenset()

    @property
    def patients(self) -> list[str]:
        """The patient of each slice of `reference`."""
        return [str(name) for name in self.rows["patient"]]

    @property
    def notes(self) -> list[str]:
        """What makes its intervals less sure than they look, in sentences."""
        count = len(set(self.patients))
        few = f"the interval is over {count} patients; of fewer than {FEW_PATIENTS} it is too narrow"
        return [few] if count < FEW_PATIENTS else []


def choose_real(store: SliceStore, split: str, n_fake: int, rng: np.random.Generator) -> RealSets:
    """Choose the reference and the floor's other set, as large as `n_fake` and the store allow.

    The other set comes from patients outside `split`. Only where that would leave fewer slices are the
    patients of `split` themselves divided into two halves.

    Raises:
        UserError: fewer than LEAST_IMAGES a side, or fewer than two patients in the reference.
    """
    inside = store.split(split)
    outside = store.select(~store.index["patient"].isin(inside.index["patient"].unique()))
    patients = rng.permutation(np.asarray(inside.index["patient"].unique(), dtype=str))
    first = inside.index["patient"].isin(patients[: (len(patients) + 1) // 2])
    halves = (inside.select(first), inside.select(~first))
    by_halves = min(len(halves[0]), len(halves[1]))
    if min(len(inside), len(outside)) >= min(by_halves, n_fake):
        reference, other = inside, outside
        described = f"{split}, and patients of the other splits"
    else:
        reference, other = halves
        described = f"{split}, its patients divided into two halves"
    n = min(n_fake, len(reference), len(other))
    _require_enough(n, n_fake, reference, other, split)
    rows, other_rows = rng.permutation(len(reference))[:n], rng.permutation(len(other))[:n]
    tables = [with_third_of_volume(part.index) for part in (reference, other)]
    images = (
        SliceImages.of_store(reference, rows.tolist()), SliceImages.of_store(other, other_rows.tolist()),
    )  # fmt: skip
    labels = frozenset(store.index["label"].dropna().astype(str))
    return RealSets(images[0], tables[0].iloc[rows], images[1], tables[1].iloc[other_rows], described, labels)


def divide_real(real: Images, patients: Sequence[str], n_fake: int, rng: np.random.Generator) -> RealSets:
    """Divide slices in memory into two halves that share no patient, of equal count and `n_fake` at most.

    Args:
        real: (n, 1, H, W) in [-1, 1].
        patients: of each slice.

    Raises:
        UserError: fewer than LEAST_IMAGES a side, or fewer than two patients a side.
    """
    names = np.asarray(patients, dtype=str)
    shuffled = rng.permutation(np.unique(names))
    first = np.isin(names, shuffled[: (len(shuffled) + 1) // 2])
    halves = (rng.permutation(np.flatnonzero(first)), rng.permutation(np.flatnonzero(~first)))
    n = min(n_fake, *map(len, halves))
    if n < LEAST_IMAGES or len(shuffled) < 4:
        raise UserError(
            f"a score needs {LEAST_IMAGES} synthetic slices and twice as many real ones, of at least 4 patients; got "
            f"{n_fake} synthetic and {len(real)} real ones of {len(shuffled)} patients."
        )
    unknown = {"label": "", THIRD_OF_VOLUME: "", SHARE_OF_VOLUME: np.nan}
    tables = [pd.DataFrame({"patient": names[rows[:n]], **unknown}) for rows in halves]
    sets = [SliceImages.of(real).take(rows[:n].tolist()) for rows in halves]
    return RealSets(sets[0], tables[0], sets[1], tables[1], "the real slices, their patients divided into two halves")


def _require_enough(n: int, n_fake: int, reference: SliceStore, other: SliceStore, split: str) -> None:
    if n_fake < LEAST_IMAGES:
        raise UserError(f"a score needs at least {LEAST_IMAGES} synthetic slices, preferably 2000; got {n_fake}.")
    if n < LEAST_IMAGES:
        raise UserError(
            f"a score needs {LEAST_IMAGES} real slices of split {split!r} and as many of other patients; "
            f"got {len(reference)} and {len(other)}: ingest more patients."
        )
    if (count := reference.index["patient"].nunique()) < 2:
        raise UserError(f"an interval needs at least 2 patients in split {split!r}; got {count}: ingest more.")


def with_third_of_volume(index: pd.DataFrame) -> pd.DataFrame:
    """`index` with the columns `share_of_volume` and `third_of_volume`: where each slice lies in its series.

    0 and `low` are the smallest positions along the slice normal. NaN and empty where a series has no positions, or
    only one.
    """
    positions = index.groupby("series")["position_mm"]
    first, last = positions.transform("min"), positions.transform("max")
    share = (index["position_mm"] - first) / (last - first).where(last > first)
    third = pd.cut(share, [-1, 1 / 3, 2 / 3, 2], labels=list(THIRDS)).astype("string").fillna("")
    return index.assign(**{THIRD_OF_VOLUME: third, SHARE_OF_VOLUME: share})

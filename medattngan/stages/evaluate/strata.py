"""Scores by stratum: a mean over all slices hides that some kinds of slices are bad.

Slices are divided by label, by their place in the volume (thirds of the series), and by brightness (thirds of the mean
intensity of the reference). Brightness is measured on every slice. A synthetic slice has no place in a volume, and
often no label: it takes the stratum of most of the real slices nearest to it in the features, among patients outside
the reference. The floor's slices are put into strata by the same vote, their own patient left out, so that what the
vote gets wrong lies in the floor as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from medattngan.core.progress import Watch, unseen
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.metrics.sets import Part, Sides
from medattngan.stages.evaluate.score import Entry, Scored, score_parts, shortfall

LEAST_IN_STRATUM = 50
"""With fewer on a side, the differences between strata are noise."""
VOTERS = 5
_REPLICATES = 60  # strata are compared roughly, and there are many
_ASKING = 2048  # slices that meet all voters at once
THIRDS = ("low", "middle", "high")
ByStratum: TypeAlias = dict[str, dict[str, dict[str, Entry]]]
"""Metric → division → stratum → entry."""


@dataclass(frozen=True)
class Strata:
    """One way to divide the three sets of slices.

    Args:
        reference: the stratum of each slice; empty for a slice of none.
        fake: the same of the synthetic slices.
        other: the same of the floor's slices.
    """

    reference: Sequence[str]
    fake: Sequence[str]
    other: Sequence[str]

    def names(self) -> list[str]:
        """The strata of the reference: thirds from low to high, all others by the alphabet."""
        found = set(self.reference) - {""}
        return [name for name in THIRDS if name in found] + sorted(found - set(THIRDS))

    def rows(self, name: str) -> tuple[list[int], list[int], list[int]]:
        """The rows of one stratum in each set."""
        sets = (self.reference, self.fake, self.other)
        first, second, third = ([row for row, of in enumerate(one) if of == name] for one in sets)
        return first, second, third


def brightness_thirds(images: Sides) -> Strata:
    """Thirds of the mean intensity, divided where the reference (n, 1, H, W) has equally many slices."""
    ends = np.quantile(_means(images.reference), [1 / 3, 2 / 3])

    def names(side: Images | SliceImages) -> list[str]:
        return [THIRDS[int(third)] for third in np.searchsorted(ends, _means(side))]

    return Strata(names(images.reference), names(images.fake), names(images.other))


def by_vote(
    features: Sides,
    reference: Sequence[str],
    other: Sequence[str],
    patients: Sequence[str],
    fake: Sequence[str] | None = None,
) -> Strata:
    """Strata that the real slices are known to lie in, and the synthetic ones by the vote of their neighbours.

    Args:
        features: of all slices.
        reference: the strata of the reference, as known.
        other: the strata of the floor's slices, as known: these vote.
        patients: the patient of each of the floor's slices.
        fake: the strata of the synthetic slices where they are known; then nobody votes.
    """
    if fake is not None:
        return Strata(reference, fake, other)
    of_patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    voters = features.other[:]
    return Strata(
        reference, _vote(features.fake[:], voters, other), _vote(voters, voters, other, torch.from_numpy(of_patient))
    )


def score_strata(
    sides: Mapping[str, Sides],
    patients: Sequence[str],
    divisions: Mapping[str, Strata],
    *,
    seed: int,
    watch: Watch = unseen,
    volumes: Sequence[str] | None = None,
) -> tuple[Scored, ByStratum, dict[str, str]]:
    """Score all slices, and every stratum that has slices enough.

    Returns:
        The scores of all; metric → division → stratum → entry; and stratum → a sentence, for each that was left out.
    """
    whole = next(iter(sides.values())).whole
    parts, left_out = _parts(patients, divisions)
    scored, *of_strata = score_parts(sides, patients, [whole, *parts.values()], seed=seed, watch=watch, volumes=volumes)
    found: ByStratum = {}
    for (by, name), one in zip(parts, of_strata, strict=True):
        for metric, entry in one.entries.items():
            found.setdefault(metric, {}).setdefault(by, {})[name] = entry
    return scored, found, left_out


def _parts(
    patients: Sequence[str], divisions: Mapping[str, Strata]
) -> tuple[dict[tuple[str, str], Part], dict[str, str]]:
    """The rows of every stratum that has enough of them, equally many of each set; and sentences about the others."""
    parts, left_out = {}, {}
    for by, strata in divisions.items():
        for name in strata.names():
            rows = strata.rows(name)
            n = min(map(len, rows))
            reference, fake, other = (torch.tensor(chosen[:n], dtype=torch.int64) for chosen in rows)
            if n < LEAST_IN_STRATUM or len({patients[row] for row in rows[0][:n]}) < 2:
                left_out[f"by {by}, {name}"] = _too_few(rows, len({patients[row] for row in rows[0]}))
            else:
                parts[by, name] = Part(reference, fake, other, _REPLICATES)
    return parts, left_out


def worst(divisions: Mapping[str, Mapping[str, Entry]]) -> Entry:
    """The stratum that falls shortest of what real slices of other patients score, and which it is.

    >>> entry = {"better": "higher", "floor": 0.5}
    >>> worst({"label": {"a": entry | {"value": 0.4}, "b": entry | {"value": 0.1}}})["stratum"]
    'b'
    """
    by, name, entry = max(
        ((by, name, entry) for by, strata in divisions.items() for name, entry in strata.items()),
        key=lambda found: shortfall(found[2]),
    )
    return {"by": by, "stratum": name, **entry}


def _too_few(rows: tuple[Sequence[int], ...], patients: int) -> str:
    real, fake, other = map(len, rows)
    return (
        f"a score by stratum needs {LEAST_IN_STRATUM} slices a side, of 2 patients; there are {real} real ones of "
        f"{patients}, {fake} synthetic ones, and {other} of other patients."
    )


def _means(images: Images | SliceImages) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    batches = SliceImages.of(images).batches()
    return np.concatenate([batch.double().mean((1, 2, 3)).numpy() for batch in batches])


def _vote(asking: Tensor, voters: Tensor, names: Sequence[str], patients: Tensor | None = None) -> list[str]:
    """The name that most of the VOTERS nearest voters bear; of equally many, the nearest one's."""
    return [_most([names[voter] for voter in row]) for row in nearest_voters(asking, voters, patients).tolist()]


def nearest_voters(asking: Tensor, voters: Tensor, patients: Tensor | None = None) -> Tensor:
    """The rows of the VOTERS nearest of `voters` (count, dim) to each of `asking`, nearest first: (asking, VOTERS).

    Where `patients` of those asking are given, who are the voters themselves, nobody votes on a slice of their own; all
    are then asked by as many as there are for each, where that is fewer.
    """
    others = len(voters) if patients is None else len(voters) - int(torch.bincount(patients).max())
    found = []
    for start in range(0, len(asking), _ASKING):
        distance = torch.cdist(asking[start : start + _ASKING], voters)
        if patients is not None:
            own = patients[start : start + _ASKING, None] == patients
            distance = distance.masked_fill(own, float("inf"))
        found.append(distance.topk(max(1, min(VOTERS, others)), largest=False).indices)
    return torch.cat(found)


def _most(names: Sequence[str]) -> str:
    return max(names, key=lambda name: (names.count(name), -names.index(name)))

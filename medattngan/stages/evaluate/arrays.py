"""Scores of slices that are in memory on both sides: nothing is read and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medattngan.core.files import UserError
from medattngan.data.intensity import IntensityMap
from medattngan.data.slice_images import SliceImages
from medattngan.external.given import array_slices, is_array
from medattngan.extractors.cache import content_digest
from medattngan.extractors.table import Extractor
from medattngan.stages.evaluate.real_sets import divide_real
from medattngan.stages.evaluate.scoring import score

__all__ = ["is_array", "score_arrays"]

_UNUSED = IntensityMap(0.0, 1.0, "a.u.")
"""Only DICOM says what its pixels mean."""
ALONE = (
    "each real slice was taken for a patient of its own: where a patient has several, the intervals are too narrow and "
    "the baseline is too good; say whose they are with patients=…"
)


def score_arrays(
    real: Any,
    fake: Any,
    network: Extractor,
    patients: Sequence[str] | None,
    *,
    seed: int,
    limit: int | None,
    value_range: tuple[float, float] | None,
) -> dict[str, dict[str, Any]]:
    """What `evaluate` gives of two arrays, of which half of the real patients are the baseline.

    Raises:
        UserError: they are of unlike sizes, too few, or black and white are in doubt.
    """
    sides = [array_slices(one, name).unit(_UNUSED, value_range) for one, name in ((real, "real"), (fake, "fake"))]
    if sides[0].images.shape[-1] != sides[1].images.shape[-1]:
        heights = " and ".join(str(side.images.shape[-1]) for side in sides)
        raise UserError(
            f"real and fake are {heights} px high; resize one of them, as real slices are shown to the network."
        )
    if patients is not None and len(patients) != len(sides[0]):
        raise UserError(
            f"patients names {len(patients)}, but there are {len(sides[0])} real slices; give one for each."
        )
    whose = [str(i) for i in range(len(sides[0]))] if patients is None else [str(one) for one in patients]
    rng = np.random.default_rng([seed, 0])
    n_fake = len(sides[1]) if limit is None else min(limit, len(sides[1]))
    halves = divide_real(SliceImages.of(sides[0].images)[:], whose, n_fake, rng)
    drawn = sides[1].take(rng.permutation(len(sides[1]))[: len(halves.reference)].tolist())
    contents = [content_digest(SliceImages.of(one)) for one in (halves.reference, drawn.images, halves.other)]
    scores = score(halves, drawn, network, contents, seed=seed).entries
    notes = [*sides[0].notes, *sides[1].notes, *([ALONE] if patients is None else halves.notes)]
    for entry in scores.values():
        entry |= {"warnings": notes} if notes else {}
    return scores

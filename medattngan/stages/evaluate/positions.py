"""Do the synthetic slices come from all heights of a volume, as often as real ones do?

    coverage = Σ min(p_i, q_i)       p, q: shares of the slices in each tenth of the volume

1 where the histograms are the same, 0 where they share no tenth; 1 less their total variation distance. A generator
that draws the vertex of the head alone may have slices as good as any, and a Fréchet distance that does not say what is
missing.

A synthetic slice has no place in a volume. A probe gives it one: the median place of the real slices nearest to it in
the features, among patients outside the reference. The reference is asked by the same probe, and so are the slices of
those other patients, their own left out: what the probe gets wrong lies in the floor as well, and its mean error on the
reference, whose places are known, is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.metrics.sets import Sides
from medattngan.stages.evaluate.real_sets import SHARE_OF_VOLUME, RealSets
from medattngan.stages.evaluate.score import rounded
from medattngan.stages.evaluate.strata import nearest_voters
from medattngan.statistics.bootstrap import centred_interval, plan_bootstrap

TENTHS = 10
LEAST = 50
"""With fewer slices a side a histogram is noise."""


def position_scores(
    real: RealSets, features: Sides, volumes: Sequence[str] | None = None, *, seed: int
) -> dict[str, Any] | None:
    """The coverage with its interval and floor, and the histograms it is made from; None where places are not known.

    Args:
        features: of the reference, the synthetic slices and the other patients' slices, (n, dim) each.
        volumes: of which volume each synthetic slice is, where they are of some.
        seed: of the bootstrap.
    """
    known, voters = (rows[SHARE_OF_VOLUME].to_numpy(np.float64) for rows in (real.rows, real.other_rows))
    with_place = torch.from_numpy(np.flatnonzero(np.isfinite(voters)))
    if len(known) < LEAST or len(with_place) < LEAST or np.isnan(known).mean() > 0.5:
        return None
    places = torch.tensor(voters)[with_place]
    whose = torch.from_numpy(np.unique(real.other_rows["patient"].to_numpy(str), return_inverse=True)[1])[with_place]
    if int(whose.min()) == int(whose.max()):  # nobody could vote on a slice of the only patient
        return None
    asked = features.other[:][with_place]
    reference = places[nearest_voters(features.reference[:], asked)].median(1).values
    fake = places[nearest_voters(features.fake[:], asked)].median(1).values
    other = places[nearest_voters(asked, asked, whose)].median(1).values
    plan = plan_bootstrap(real.patients, len(fake), seed=seed, volumes=volumes)
    p, q = in_tenths(reference), in_tenths(fake)
    value = float(coverage(p.mean(0), q.mean(0)))
    drawn = coverage(_shares(plan.real.double() @ p), _shares(plan.fake.double() @ q))
    low, high = centred_interval(value, drawn)
    missed = np.abs(reference.numpy() - known)[np.isfinite(known)]
    histograms = {"real": p, "synthetic": q, "other": in_tenths(other)}
    return {
        "coverage": rounded(value),
        "ci95": [rounded(max(0.0, low)), rounded(min(1.0, high))],
        "floor": rounded(float(coverage(p.mean(0), histograms["other"].mean(0)))),
        "better": "higher",
        "n_real": len(reference),
        "n_fake": len(fake),
        "probe_error": rounded(float(missed.mean())),
        "tenths": {name: [rounded(share) for share in one.mean(0).tolist()] for name, one in histograms.items()},
    }


def asked_coverage(real: RealSets, asked: npt.NDArray[np.float64]) -> float | None:
    """The same of the positions that a conditional generator was asked for, in tenths from the lowest to the highest
    position of the reference, in mm; None where not all have one.

    Args:
        asked: (count,) `position_mm` of the samples; positions beyond the reference count nowhere.
    """
    known = real.rows["position_mm"].to_numpy(np.float64)
    known = known[np.isfinite(known)]
    if not len(known) or not len(asked) or not np.isfinite(asked).all() or known.min() == known.max():
        return None
    ends = np.linspace(known.min(), known.max(), TENTHS + 1)
    p, q = (np.histogram(one, ends)[0] / len(one) for one in (known, asked))
    return rounded(float(np.minimum(p, q).sum()))


def in_tenths(places: Tensor) -> Tensor:
    """Which tenth of the volume each place in [0, 1] is in: (count, TENTHS), 1 there.

    >>> in_tenths(torch.tensor([0.0, 0.55, 1.0])).argmax(1)
    tensor([0, 5, 9])
    """
    tenth = (places * TENTHS).long().clamp(0, TENTHS - 1)
    return torch.nn.functional.one_hot(tenth, TENTHS).double()


def coverage(p: Tensor, q: Tensor) -> Tensor:
    """Σ min(p, q) over the last dimension.

    >>> coverage(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])).item()
    0.5
    """
    return torch.minimum(p, q).sum(-1)


def _shares(counts: Tensor) -> Tensor:
    return counts / counts.sum(-1, keepdim=True)

"""Bootstrap over patients on the real side, over samples on the synthetic side. Davison & Hinkley 1997, ch.
3.8.

Slices of one patient are alike, so patients are drawn, and each brings all its slices. Synthetic samples are
independent of each other and are drawn singly, but for slices of one volume, which are drawn as patients' are.

A resampled set repeats images, and metrics that depend on the count or on neighbours move by a constant for
that reason alone. So only the *spread* of the replicates is used: their quantiles, moved so that their median
lies on the value. The interval then holds the value always, and says how far it would move with other
patients and other samples of the same number. It does not take out the bias of the count, which the floor
carries as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medattngan.statistics.draws import draw_cases, draw_patients

REPLICATES = 200


@dataclass(frozen=True)
class Plan:
    """How often each image stands in each replicate, the same for every metric.

    Args:
        real: (replicates, n_real) int64.
        fake: (replicates, n_fake) int32: there may be many samples.
    """

    real: Tensor
    fake: Tensor


def plan_bootstrap(
    patients: Sequence[str],
    n_fake: int,
    *,
    seed: int,
    replicates: int = REPLICATES,
    volumes: Sequence[str] | None = None,
) -> Plan:
    """Draw `replicates` resamples of the real slices, whose patients are given, and of `n_fake` samples: of whole
    `volumes`, where it is given of which each of them is.

    >>> plan = plan_bootstrap(["a", "a", "b"], 4, seed=0)
    >>> bool((plan.real[:, 0] == plan.real[:, 1]).all()), plan.fake.sum(1).unique()
    (True, tensor([4]))
    """
    rng = np.random.default_rng([seed, 1])
    draws = draw_patients(rng, patients, replicates)
    fake = np.empty((replicates, n_fake), np.int32)
    for row in fake:  # the same draws as of all at once, which would take twice the memory
        row[:] = draw_cases(rng, n_fake, 1)[0] if volumes is None else draw_patients(rng, volumes, 1)[0]
    return Plan(torch.from_numpy(draws), torch.from_numpy(fake))


def centred_interval(value: float, replicates: Tensor) -> tuple[float, float]:
    """95 % interval: the replicates' 2.5 and 97.5 % quantiles, moved so that their median is `value`.

    >>> [round(end, 6) for end in centred_interval(10.0, torch.arange(119.0))]
    [-47.0, 67.0]
    """
    at = [0.025, 0.5, 0.975]
    # Positions p (count + 1): others give intervals too short for a few hundred replicates.
    lower, middle, upper = np.quantile(replicates.double().numpy(), at, method="weibull").tolist()
    return value + lower - middle, value + upper - middle

"""Divide patients, never slices, between training, validation and test."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from medattngan.core.files import UserError
from medattngan.data.store import SPLITS


def check_shares(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    """Shares of train, val and test as given.

    Raises:
        UserError: they are negative, do not sum to 1, or leave nothing to train on.
    """
    if len(shares) != 3 or any(not math.isfinite(s) or s < 0 for s in shares) or abs(sum(shares) - 1) > 1e-6:
        raise UserError(f"--split {','.join(map(str, shares))} must be three shares (train,val,test) that sum to 1.")
    if shares[0] == 0:
        raise UserError("--split leaves no patient to train on; give train a share above 0.")
    return shares


def split_patients(labels: Mapping[str, str | None], shares: tuple[float, float, float], seed: int) -> dict[str, str]:
    """Give every patient a split.

    The patients are taken label by label, shuffled within the label, and each goes to the split that is
    furthest behind its share. So every label is divided as the whole is, to within a patient. A split with
    a share gets at least one patient as soon as there are as many patients as such splits.

    Args:
        labels: patient → its one label, or None. The names decide the order before shuffling, so give the same
            names to get the same split.
        shares: of train, val and test; they sum to 1.
        seed: of the shuffle.

    >>> from collections import Counter
    >>> split = split_patients({f"p{i}": None for i in range(20)}, (0.8, 0.1, 0.1), seed=0)
    >>> sorted(Counter(split.values()).items())
    [('test', 2), ('train', 16), ('val', 2)]
    """
    rng = np.random.default_rng(seed)
    strata: dict[str, list[str]] = {}
    for patient in sorted(labels):
        strata.setdefault(labels[patient] or "", []).append(patient)
    queue: list[str] = []
    for label in sorted(strata):
        queue += [strata[label][i] for i in rng.permutation(len(strata[label]))]
    counts = dict.fromkeys(SPLITS, 0)
    chosen: dict[str, str] = {}
    for taken, patient in enumerate(queue, start=1):
        behind = {name: share * taken - counts[name] for name, share in zip(SPLITS, shares, strict=True) if share > 0}
        chosen[patient] = max(behind, key=lambda name: behind[name])
        counts[chosen[patient]] += 1
    wanted = [name for name, share in zip(SPLITS, shares, strict=True) if share > 0]
    for name in wanted:
        if counts[name] == 0 and len(queue) >= len(wanted):
            fullest = max(wanted, key=lambda other: counts[other])
            mover = next(patient for patient in reversed(queue) if chosen[patient] == fullest)
            chosen[mover] = name
            counts[fullest] -= 1
            counts[name] += 1
    return chosen

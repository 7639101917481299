"""The figures of merit: one number a reader, and what each case adds to it.

Every figure here is, or is near enough, a mean over synthetic cases plus a mean over real ones. Given what each case
adds, one formula yields the variance of each and the covariance between readers who saw the same cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medattngan.review.statistics.reads import Grid, Groups, Reads
from medattngan.review.statistics.signal_detection import corrected_rate, criterion, d_prime, slope
from medattngan.statistics.intervals import Interval, newcombe_auc, wilson
from medattngan.statistics.roc import auc_components

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Merit:
    """One figure of merit for every reader.

    Attributes:
        values: (R,); NaN for a reader who read too little for it.
        synthetic: (R, n) what each synthetic case adds, NaN where unread; None if synthetic cases play no part.
        real: (R, m) likewise.
        patients: (m,) the cluster of each real case; every synthetic case is alone.
        bounds: the least and the greatest value that it can take.
        chance: what it is where reads have nothing to do with the truth; NaN where that depends on the reader.
    """

    values: Values
    synthetic: Grid | None
    real: Grid | None
    bounds: Interval
    chance: float
    patients: Groups


def accuracy(reads: Reads) -> Merit:
    """Share of reads that were right, "cannot tell" counting half. With unequal counts, chance is not ½."""
    counts = np.isfinite(reads.right).sum(axis=1, keepdims=True)
    # A mean over all cases is the mean of each class times its share.
    parts = [reads.right[:, chosen] for chosen in (reads.synthetic, ~reads.synthetic)]
    shares = [np.isfinite(part).sum(axis=1, keepdims=True) / np.where(counts, counts, 1) for part in parts]
    synthetic, real = (part * share if part.size else None for part, share in zip(parts, shares, strict=True))
    balanced = reads.synthetic.sum() * 2 == len(reads.synthetic)
    return Merit(_mean(reads.right), synthetic, real, (0.0, 1.0), 0.5 if balanced else np.nan, patients_of(reads))


def balanced_accuracy(reads: Reads) -> Merit:
    """Mean of sensitivity and specificity: ½ for whoever guesses, whatever the bias and the mix of cases."""
    synthetic, real = _split(reads, reads.right)
    return Merit((_mean(synthetic) + _mean(real)) / 2, synthetic / 2, real / 2, (0.0, 1.0), 0.5, patients_of(reads))


def sensitivity(reads: Reads) -> Merit:
    """Share of synthetic slices called synthetic."""
    synthetic, _ = _split(reads, reads.right)
    return Merit(_mean(synthetic), synthetic, None, (0.0, 1.0), np.nan, patients_of(reads))


def specificity(reads: Reads) -> Merit:
    """Share of real slices called real."""
    _, real = _split(reads, reads.right)
    return Merit(_mean(real), None, real, (0.0, 1.0), np.nan, patients_of(reads))


def auc(reads: Reads) -> Merit:
    """Probability that a synthetic slice is given a higher step than a real one; ½ cannot tell them apart."""
    return _area(reads, reads.scores, (0.0, 1.0))


def cliffs_delta(reads: Reads, grid: Grid) -> Merit:
    """P(synthetic higher) - P(real higher), from -1 to 1. Cliff 1993, Psychol Bull 114:494-509. It is 2 AUC - 1."""
    area = _area(reads, grid, (-1.0, 1.0))
    assert area.synthetic is not None
    assert area.real is not None
    return Merit(2 * area.values - 1, 2 * area.synthetic, 2 * area.real, (-1.0, 1.0), 0.0, area.patients)


def d_primes(reads: Reads) -> Merit:
    """d′ of each reader; what a case adds is linear about the reader's own rates (delta method)."""
    return _detection(reads, d_prime, (1.0, -1.0), 0.0)


def criteria(reads: Reads) -> Merit:
    """The criterion c of each reader."""
    return _detection(reads, criterion, (-0.5, -0.5), np.nan)


MERITS: dict[str, Callable[[Reads], Merit]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "auc": auc,
    "d_prime": d_primes,
    "criterion": criteria,
}


def boundary_interval(name: str, value: float, synthetic: int, real: int, level: float) -> Interval | None:
    """The interval where all cases add the same, so that the reads show no variance: as if the cases were read once."""
    if name == "auc":
        return newcombe_auc(value, synthetic, real, level)
    counts = {"accuracy": synthetic + real, "sensitivity": synthetic, "specificity": real}
    count = counts.get(name, 2 * min(synthetic, real))
    if name in (*counts, "balanced_accuracy"):
        return wilson(value * count, count, level)
    return None


def patients_of(reads: Reads) -> Groups:
    """(m,): the cluster of each real case."""
    return reads.groups[~reads.synthetic]


def _split(reads: Reads, grid: Grid) -> tuple[Grid, Grid]:
    return grid[:, reads.synthetic], grid[:, ~reads.synthetic]


def _mean(grid: Grid) -> Values:
    """Over the cases read; NaN for a reader without one."""
    counts = np.isfinite(grid).sum(axis=1)
    return np.where(counts > 0, np.nansum(grid, axis=1) / np.where(counts, counts, 1), np.nan)


def _area(reads: Reads, grid: Grid, bounds: Interval) -> Merit:
    synthetic, real = _split(reads, grid)
    added = np.full_like(synthetic, np.nan), np.full_like(real, np.nan)
    values = np.full(len(grid), np.nan)
    for row in range(len(grid)):
        seen = np.isfinite(synthetic[row]), np.isfinite(real[row])
        if seen[0].any() and seen[1].any():
            parts = auc_components(synthetic[row, seen[0]], real[row, seen[1]])
            added[0][row, seen[0]], added[1][row, seen[1]] = parts
            values[row] = parts[0].mean()
    return Merit(values, *added, bounds, 0.5, patients_of(reads))


def _detection(
    reads: Reads, figure: Callable[[float, float], float], weights: tuple[float, float], chance: float
) -> Merit:
    """`weights`: the derivative of the figure by z(H) and by z(F)."""
    called = _split(reads, reads.calls)
    values = np.full(len(reads.readers), np.nan)
    added = tuple(np.full_like(part, np.nan) for part in called)
    for row in range(len(values)):
        seen = [part[row][np.isfinite(part[row])] for part in called]
        if all(len(part) for part in seen):
            rates = [corrected_rate(float(part.sum()), len(part)) for part in seen]
            values[row] = figure(rates[0], rates[1])
            for part, source, rate, weight in zip(added, called, rates, weights, strict=True):
                part[row] = source[row] * slope(rate) * weight
    return Merit(values, added[0], added[1], (-np.inf, np.inf), chance, patients_of(reads))

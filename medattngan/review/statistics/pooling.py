"""One figure over all readers, with an interval for readers and cases like these.

The model is that of Obuchowski and Rockette 1995, Commun Stat Simul Comput 24:285-308: a reader's figure is the mean,
plus the reader's own skill, plus what the cases did to it, which readers of the same cases share:

    Var(mean over R readers) = (σ²_reader + Var + (R - 1) Cov2) / R

It is estimated by (MS(R) + max(R Cov2, 0)) / R, with the degrees of freedom of Hillis 2007, Stat Med 26:596-619:
(MS(R) + max(R Cov2, 0))² / (MS(R)² / (R - 1)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from medattngan.review.statistics.merits import Merit
from medattngan.review.statistics.reads import Grid, Groups
from medattngan.statistics.draws import MANY_REPLICATES, draw_cases, percentile_interval
from medattngan.statistics.intervals import Interval

Matrix = npt.NDArray[np.float64]
ROUNDING = 1e-12
"""Figures that differ by less are equal: their means were only worked out in another order."""


@dataclass(frozen=True)
class Pooled:
    """The mean of a figure over the readers who have it.

    Attributes:
        value: the mean.
        readers: how many readers it is over.
        error: standard error over readers and cases; over cases only if there is one reader.
        freedom: degrees of freedom of `error`.
        error_cases: standard error for just these readers, over cases.
        reader_sd: how much readers differ in skill, chance in the cases taken out; NaN for one reader.
        correlation: of two readers' figures through the cases they share; NaN for one reader.
        bounds: what the figure can be at all.
    """

    value: float
    readers: int
    error: float
    freedom: float
    error_cases: float
    reader_sd: float
    correlation: float
    bounds: Interval

    def interval(self, level: float = 0.95) -> Interval:
        """For readers and cases like these; never narrower than for these readers alone."""
        half = float(t.ppf((1 + level) / 2, self.freedom)) * self.error
        return self._clip(max(half, self._half_cases(level)))

    def interval_cases(self, level: float = 0.95) -> Interval:
        """For these readers, and cases like these."""
        return self._clip(self._half_cases(level))

    def _half_cases(self, level: float) -> float:
        return float(norm.ppf((1 + level) / 2)) * self.error_cases

    def _clip(self, half: float) -> Interval:
        return max(self.value - half, self.bounds[0]), min(self.value + half, self.bounds[1])


def pool(merit: Merit) -> Pooled | None:
    """Pool a figure over the readers who have a value and a variance; None if nobody has."""
    return combine(merit.values, reader_covariance(merit), merit.bounds)


def combine(figures: npt.NDArray[np.float64], covariances: Matrix, bounds: Interval) -> Pooled | None:
    """Pool the readers' figures (R,) with covariances (R, R) over the cases; NaN where unknown."""
    used = np.isfinite(figures) & np.isfinite(np.diag(covariances))
    count = int(used.sum())
    if not count:
        return None
    values, covariance = figures[used], covariances[np.ix_(used, used)]
    error_cases = float(np.sqrt(max(covariance.sum(), 0.0))) / count
    if count == 1:
        return Pooled(float(values[0]), 1, error_cases, np.inf, error_cases, np.nan, np.nan, bounds)
    variance = float(np.diag(covariance).mean())
    shared = float((covariance.sum() - np.trace(covariance)) / (count * (count - 1)))
    between = float(values.var(ddof=1)) if np.ptp(values) > ROUNDING else 0.0
    total = between + max(count * shared, 0.0)
    return Pooled(
        value=float(values.mean()),
        readers=count,
        error=float(np.sqrt(total / count)),
        freedom=(count - 1) * (total / between) ** 2 if between > 0 else np.inf,
        error_cases=error_cases,
        reader_sd=float(np.sqrt(max(between - variance + shared, 0.0))),
        correlation=shared / variance if variance > 0 else np.nan,
        bounds=bounds,
    )


def _usable(merit: Merit, covariance: Matrix) -> npt.NDArray[np.bool_]:
    return np.isfinite(merit.values) & np.isfinite(np.diag(covariance))


def reader_covariance(merit: Merit) -> Matrix:
    """Covariance (R, R) of the readers' figures over cases. Missing reads are allowed; NaN where no variance shows.

    Real cases of one patient count as one draw of what they add (Obuchowski 1997, Biometrics 53:567-578).
    """
    parts = [covariance_of_means(grid, groups) for grid, groups in _parts(merit)]
    return np.asarray(np.sum(parts, axis=0), np.float64)


def _parts(merit: Merit) -> list[tuple[Grid, Groups]]:
    """What cases add, by kind, with the clusters of the cases."""
    parts = [] if merit.synthetic is None else [(merit.synthetic, np.arange(merit.synthetic.shape[1]))]
    return parts if merit.real is None else [*parts, (merit.real, merit.patients)]


def covariance_of_means(added: Grid, groups: Groups) -> Matrix:
    """(R, R): of the readers' means of what the cases add, over clusters. NaN on the diagonal for one cluster or none.

    With n_r the cases that reader r read, and m the clusters that both read,

        Cov = m / (m - 1) · Σ_g (y_rg - n_rg mean_r) (y_sg - n_sg mean_s) / (n_r n_s)

    where y_rg is the sum over the n_rg cases of cluster g (Rao and Scott 1992, Biometrics 48:577-585). Where every case
    is alone this is the covariance of two means.

    Args:
        added: (R, n) NaN where unread; of shares 1 right, 0 wrong, ½ undecided.
        groups: (n,) the cluster of each case.

    >>> covariance_of_means(np.array([[1.0, 1, 0, 0]]), np.array([0, 1, 2, 3])).round(4)  # ¼ / (4 - 1)
    array([[0.0833]])
    >>> covariance_of_means(np.array([[1.0, 1, 0, 0]]), np.array([0, 0, 1, 1]))  # two patients, not four
    array([[0.25]])
    """
    seen = np.isfinite(added)
    counts = seen.sum(axis=1)
    means = np.nansum(added, axis=1) / np.where(counts, counts, 1)
    deviations = np.where(seen, added - means[:, None], 0.0)
    deviations[np.abs(deviations) <= ROUNDING * np.abs(means)[:, None]] = 0.0
    names, of_case = np.unique(groups, return_inverse=True)
    if len(names) < len(groups):
        members = np.eye(len(names))[of_case]
        deviations, seen = deviations @ members, (seen @ members) > 0
    common = (seen.astype(float) @ seen.T.astype(float)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = deviations @ deviations.T / (common - 1) * common / np.outer(counts, counts)
    covariance[common < 2] = 0.0
    np.fill_diagonal(covariance, np.where(seen.sum(axis=1) < 2, np.nan, np.diag(covariance)))
    return np.asarray(covariance, np.float64)


def bootstrap_interval(merit: Merit, rng: np.random.Generator, level: float = 0.95) -> Interval | None:
    """Percentile interval over readers and cases, both drawn anew with replacement, real and synthetic apart.

    Real cases are drawn by patient.

    What the cases add is drawn, which for shares is the figure itself and for the others its linear part. Readers are
    drawn where there are two or more. This counts the chance in a single read more than once, and is too wide where
    readers are alike (Owen 2007, Ann Appl Stat 1:386-411); it shows only (R - 1) / R of how R readers differ.
    """
    used = np.flatnonzero(_usable(merit, reader_covariance(merit)))
    if not len(used):
        return None
    drawn = np.tile(merit.values[used], (MANY_REPLICATES, 1))
    for grid, groups in _parts(merit):
        drawn += _redrawn(grid[used], groups, rng)
    weights = np.ones(len(used)) / len(used)
    if len(used) > 1:
        weights = draw_cases(rng, len(used), MANY_REPLICATES) / len(used)
    means = (drawn * weights).sum(axis=1)
    low, high = percentile_interval(means, tail=(1 - level) / 2)
    return max(low, merit.bounds[0]), min(high, merit.bounds[1])


def _redrawn(added: Grid, groups: Groups, rng: np.random.Generator) -> Matrix:
    """(replicates, R): how far the readers' means move when the clusters are drawn anew."""
    names, of_case = np.unique(groups, return_inverse=True)
    weights = draw_cases(rng, len(names), MANY_REPLICATES).astype(np.float64)[:, of_case]
    seen = np.isfinite(added).astype(np.float64)
    sums, counts = weights @ np.nan_to_num(added).T, weights @ seen.T
    own = np.nansum(added, axis=1) / seen.sum(axis=1)
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1) - own, 0.0)

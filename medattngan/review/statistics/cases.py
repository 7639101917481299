"""Which slices convinced, and how sure that is with so few readers a slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.review.statistics.reads import Grid, Reads

SHOWN = 10


@dataclass(frozen=True)
class CaseScores:
    """How synthetic each case looked.

    Attributes:
        mean: (n,) mean step, readers' habits of using the scale evened out; NaN if nobody read it.
        shrunken: (n,) the same pulled towards the mean of its class, the more the fewer readers; NaN if unknown.
        reliability: {class: share of the spread between cases that would be there with other readers}; None unknown.
    """

    mean: npt.NDArray[np.float64]
    shrunken: npt.NDArray[np.float64]
    reliability: dict[str, float | None]


def case_scores(reads: Reads) -> CaseScores:
    """Shrink each case's mean step towards that of its class.

    One-way random effects in each class, over the steps less the reader's own mean: the deviation of a case that k_i
    readers read is multiplied by σ²_case / (σ²_case + σ² / k_i), with the moment estimates of the variances; by 0 where
    cases differ no more than readers would by chance. Efron and Morris 1975, J Am Stat Assoc 70:311-319.
    """
    habits = _row_means(reads.scores)
    even = reads.scores - (habits - np.nanmean(reads.scores))[:, None]
    mean, shrunken = np.full(len(reads.cases), np.nan), np.full(len(reads.cases), np.nan)
    reliability: dict[str, float | None] = {}
    for name, chosen in (("synthetic", reads.synthetic), ("real", ~reads.synthetic)):
        if chosen.any():
            mean[chosen], shrunken[chosen], reliability[name] = _shrink(even[:, chosen])
    return CaseScores(mean, shrunken, reliability)


def _shrink(even: Grid) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float | None]:
    counts = np.isfinite(even).sum(axis=0)
    read = counts > 0
    means = np.where(read, np.nansum(even, axis=0) / np.where(read, counts, 1), np.nan)
    total, groups = int(counts.sum()), int(read.sum())
    if total == groups or groups < 2:
        return means, np.full_like(means, np.nan), None
    overall = float(np.nanmean(even))
    within = float(np.nansum((even - means) ** 2)) / (total - groups)
    between = float((counts * np.nan_to_num(means - overall) ** 2).sum()) / (groups - 1)
    size = (total - float((counts**2).sum()) / total) / (groups - 1)
    spread = max((between - within) / size, 0.0)
    noise = within / np.where(read, counts, 1)
    weight = np.zeros_like(noise) if spread == 0 else spread / (spread + noise)
    return means, overall + weight * (means - overall), float(weight[read].mean())


def case_table(reads: Reads, scores: CaseScores) -> pd.DataFrame:
    """One row a case: its truth, how it was called and by how many, its mean and shrunken step, time, mean ratings."""
    calls = reads.calls
    table = pd.DataFrame(
        {
            "case": reads.cases,
            "truth": np.where(reads.synthetic, "synthetic", "real"),
            "reads": np.isfinite(calls).sum(axis=0),
            "called_synthetic": (calls == 1).sum(axis=0),
            "cannot_tell": (calls == 0.5).sum(axis=0),
            "called_real": (calls == 0).sum(axis=0),
            "mean_step": scores.mean,
            "shrunken_step": scores.shrunken,
            "median_s": [_median(column) for column in reads.seconds.T],
        }
    )
    for name, grid in reads.ratings.items():
        table[f"mean_{name}" if f"mean_{name}" not in table else f"mean_answer_{name}"] = _row_means(grid.T)
    return table


def extremes(table: pd.DataFrame) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The most and the least convincing synthetic cases, up to ten and never more than half of them each.

    By the shrunken step, or by the mean step where that is unknown or the same for all; at a tie by the case's number.
    """
    rows = table[(table["truth"] == "synthetic") & (table["reads"] > 0)]
    by = [name for name in ("shrunken_step", "mean_step") if rows[name].notna().all()]
    count = min(SHOWN, len(rows) // 2)
    most = rows.sort_values([*by, "case"]).head(count)
    least = rows.sort_values([*by, "case"], ascending=[*(False for _ in by), True]).head(count)
    return _records(most), _records(least)


def _records(rows: pd.DataFrame) -> list[dict[str, object]]:
    names = ["case", "reads", "called_real", "cannot_tell", "called_synthetic", "mean_step", "shrunken_step"]
    records = rows[names].to_dict("records")
    return [{str(key): None if pd.isna(value) else value for key, value in record.items()} for record in records]


def _row_means(grid: Grid) -> npt.NDArray[np.float64]:
    counts = np.isfinite(grid).sum(axis=1)
    return np.where(counts > 0, np.nansum(grid, axis=1) / np.where(counts > 0, counts, 1), np.nan)


def _median(column: npt.NDArray[np.float64]) -> float:
    known = column[np.isfinite(column)]
    return float(np.median(known)) if len(known) else float("nan")

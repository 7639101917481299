"""The statistics of a study of pairs: everything that stats.json holds, its tables and its sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from medattngan.core.text import counted
from medattngan.review.protocol import PATIENT
from medattngan.review.statistics.agreement import agreement
from medattngan.review.statistics.findings import about_guessing, percent
from medattngan.review.statistics.forced_choice import (
    d_prime_of_pairs,
    pooled_share,
    share_entry,
    share_interval,
    shares,
)
from medattngan.review.statistics.guessing import CHANCE, holm, permutation_p, reader_tests
from medattngan.review.statistics.pooling import covariance_of_means
from medattngan.review.statistics.power import Precision, detection_power
from medattngan.review.statistics.reads import Reads, arrange
from medattngan.review.statistics.summary import ALPHA, ALTERNATIVE, smallest_detectable
from medattngan.review.statistics.timing import order_effect, spread, time_trend

Entry = dict[str, Any]


def arrange_pairs(table: pd.DataFrame, authenticity: str, ratings: Any, middle: float) -> Reads:
    """Reads of pairs as grids, "synthetic" standing for "the right one is".

    Raises:
        UserError: as `arrange`.
    """
    return arrange(table.rename(columns={"right": "synthetic", "group": PATIENT}), authenticity, ratings, middle)


def pair_statistics(reads: Reads, seed: int, expected: int = 0) -> Entry:
    """What stats.json holds of pairs; see docs/reference/review-statistics.md.

    Args:
        expected: reads of all readers and pairs there are; 0 if only these are known.
    """
    streams = [np.random.default_rng([seed, job]) for job in (1, 2)]
    decided = np.where(reads.calls == CHANCE, np.nan, reads.calls)
    stats: Entry = {
        "format": 1,
        "design": "pair",
        "seed": seed,
        "positive": "the synthetic one was named",
        "cannot_tell": {"step": reads.middle, "counts_as": 0.5},
        "counts": _counts(reads, expected),
        "right": {**share_entry(reads.right, reads.groups), "d_prime": _d_prime(reads.right)},
        "right_side_named": share_entry(decided, reads.groups),
        "readers": _readers(reads),
        "guessing": _guessing(reads, streams[0]),
        "agreement": agreement(reads, streams[1]),
        "time": {"all": spread(reads.seconds.ravel())},
        "order": order_effect(reads),
        "ratings": {name: _rating(grid, reads.right) for name, grid in reads.ratings.items()},
    }
    return stats | {"findings": _findings(stats), "notes": _notes(reads, stats)}


def _counts(reads: Reads, expected: int) -> dict[str, int]:
    read = np.isfinite(reads.scores)
    seen = read.any(axis=0)
    return {
        "readers": int(read.any(axis=1).sum()),
        "pairs": int(seen.sum()),
        "patients": len(np.unique(reads.groups[seen])),
        "reads": int(read.sum()),
        "expected": max(read.size, expected),
        "missing": int(max(read.size, expected) - read.sum()),
        "cannot_tell": int((reads.calls == CHANCE).sum()),
    }


def _d_prime(right: np.ndarray) -> float:
    """The mean of the readers' d′."""
    rows = [row[np.isfinite(row)] for row in right]
    return float(np.mean([d_prime_of_pairs(float(row.sum()), len(row)) for row in rows if len(row)]))


def _readers(reads: Reads) -> list[Entry]:
    tests = reader_tests(reads, ALTERNATIVE, ALPHA)
    adjusted = holm([test.p for test in tests])
    values, variances = shares(reads.right), np.diag(covariance_of_means(reads.right, reads.groups))
    entries = []
    for row, name in enumerate(reads.readers):
        right = reads.right[row]
        read = np.isfinite(right)
        count = int(read.sum())
        known = count > 0
        variance = float(np.nan_to_num(variances[row]))
        interval = (
            share_interval(float(values[row]), count, len(np.unique(reads.groups[read])), variance) if known else None
        )
        entries.append(
            {
                "reader": name,
                "reads": count,
                "cannot_tell": int((reads.calls[row] == CHANCE).sum()),
                "right": {
                    "value": float(values[row]) if known else None,
                    "ci95": list(interval) if interval else None,
                },
                "d_prime": d_prime_of_pairs(float(right[read].sum()), count) if known else None,
                "right_side_named": int((reads.calls[row] == 1).sum()),
                "guessing": {
                    "p": tests[row].p, "p_holm": adjusted[row], "test": tests[row].test, "decided": tests[row].decided,
                    "power": tests[row].power, "alternative": ALTERNATIVE,
                },
                "time": {**spread(reads.seconds[row]), "trend": time_trend(reads.position[row], reads.seconds[row])},
            }
        )  # fmt: skip
    return entries


def _guessing(reads: Reads, rng: np.random.Generator) -> Entry:
    pooled = pooled_share(reads.right, reads.groups)
    entry: Entry = {
        "p_accuracy": permutation_p(reads, reads.calls, rng),
        "test": "permutation of the sides over the pairs, two-sided",
        "alpha": ALPHA,
        "alternative": ALTERNATIVE,
        "power": None,
        "smallest_detectable": None,
        "excluded": None,
        "speaks_for": "readers like these" if pooled and pooled.readers > 1 else "this reader",
    }
    interval = share_entry(reads.right, reads.groups, 1 - 2 * ALPHA)["ci95"]
    if pooled is None or interval is None:
        return entry
    low, high = interval
    entry["excluded"] = {"below": low, "above": high, "margin": max(abs(low - CHANCE), abs(high - CHANCE))}
    if (error := max(pooled.error, pooled.error_cases)) > 0:
        known = Precision(error, pooled.freedom)
        entry["power"] = detection_power(known, ALTERNATIVE, ALPHA)
        entry["smallest_detectable"] = smallest_detectable(known)
    return entry


def _rating(grid: np.ndarray, right: np.ndarray) -> Entry:
    """What was answered in numbers, and how often the choice beside each answer was right."""
    kinds = np.unique(grid[np.isfinite(grid)])
    beside = {f"{kind:g}": right[(grid == kind) & np.isfinite(right)] for kind in kinds}
    return {
        "mean": float(np.nanmean(grid)) if len(kinds) else None,
        "counts": {kind: len(given) for kind, given in beside.items()},
        "right": {kind: float(given.mean()) if len(given) else None for kind, given in beside.items()},
    }


def _findings(stats: Entry) -> list[str]:
    counts, right, side = stats["counts"], stats["right"], stats["right_side_named"]
    said = [
        f"{counted(counts['readers'], 'readers')} judged {counted(counts['pairs'], 'pairs')} of a real and a synthetic "
        f"image; {counts['cannot_tell']} of {counts['reads']} reads say cannot tell."
    ]
    if right["value"] is not None:
        said.append(f"The synthetic one was named in {percent(right)} of reads; guessing is 50 %.")
        said.append(f"Mean d′ of forced choice: {right['d_prime']:.2f}; 0 cannot tell them apart.")
    if side["value"] is not None and side["ci95"] and not side["ci95"][0] <= CHANCE <= side["ci95"][1]:
        said.append(f"Readers leaned to one side: the right one was named in {percent(side)}; that costs no bias here.")
    kappa = stats["agreement"]["fleiss"]["calls"]
    said += about_guessing(stats["guessing"], "pairs")
    if kappa["value"] is not None:
        said.append(f"Agreement of readers on the choice, Fleiss' κ: {kappa['value']:.2f}; habit alone gives 0.")
    return said


def _notes(reads: Reads, stats: Entry) -> list[str]:
    counts, said = stats["counts"], []
    if counts["readers"] == 1:
        said.append("There is one reader: intervals are over pairs only and speak for this reader, not for readers.")
    elif counts["readers"] < 4:
        said.append(f"With {counts['readers']} readers, what is said of readers in general rests on few.")
    if counts["patients"] < counts["pairs"]:
        said.append(
            f"{counts['pairs']} pairs show real slices of {counted(counts['patients'], 'patients')}; intervals count "
            "patients, not pairs."
        )
    if counts["missing"]:
        said.append(f"{counts['missing']} of {counts['expected']} reads are missing; figures are over what was read.")
    if reads.renamed:
        said.append("Readers' names were no pseudonyms; they are numbered here in the order of their names.")
    return said


def pair_tables(reads: Reads, stats: Entry) -> dict[str, pd.DataFrame]:
    """readers.csv and cases.csv."""
    rows = []
    for entry in stats["readers"]:
        low, high = entry["right"]["ci95"] or (None, None)
        row = {name: entry[name] for name in ("reader", "reads", "cannot_tell", "right_side_named", "d_prime")}
        row |= {"right": entry["right"]["value"], "right_low": low, "right_high": high}
        rows.append(row | {"p": entry["guessing"]["p"], "median_s": entry["time"]["median_s"]})
    low, high = stats["right"]["ci95"] or (None, None)
    pooled = {"reader": "pooled", "reads": stats["counts"]["reads"], "cannot_tell": stats["counts"]["cannot_tell"]}
    pooled |= {"right": stats["right"]["value"], "right_low": low, "right_high": high}
    pooled |= {"d_prime": stats["right"]["d_prime"], "p": stats["guessing"]["p_accuracy"]}
    cases = pd.DataFrame(
        {
            "case": reads.cases,
            "synthetic_is": np.where(reads.synthetic, "right", "left"),
            "reads": np.isfinite(reads.right).sum(axis=0),
            "right": np.nansum(reads.right, axis=0),
        }
    )
    return {"readers.csv": pd.DataFrame([*rows, pooled]), "cases.csv": cases}

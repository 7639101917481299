"""Everything that is said about the readers: each alone, and all of them pooled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.review.statistics.forced_choice import share_interval
from medattngan.review.statistics.guessing import CHANCE, holm, permutation_p, reader_tests
from medattngan.review.statistics.merits import MERITS, Merit, balanced_accuracy, boundary_interval, cliffs_delta
from medattngan.review.statistics.pooling import Pooled, bootstrap_interval, pool, reader_covariance
from medattngan.review.statistics.power import Precision, detection_power
from medattngan.review.statistics.reads import Reads
from medattngan.review.statistics.timing import spread, time_trend
from medattngan.statistics.intervals import Interval, wilson

ALTERNATIVE, ALPHA, POWER = 0.6, 0.05, 0.8
"""The accuracy that power is stated for, the level of tests, and the power that the smallest effect is stated at."""
COUNTED = {"accuracy": None, "sensitivity": True, "specificity": False}
"""Shares with a Wilson interval, and the truth of the cases that they are over."""

Entry = dict[str, Any]


def reader_entries(reads: Reads) -> list[Entry]:
    """One entry a reader: counts, every figure of merit with its interval, the test against guessing, the times."""
    merits = {name: merit_of(reads) for name, merit_of in MERITS.items()}
    tests = reader_tests(reads, ALTERNATIVE, ALPHA)
    adjusted = holm([test.p for test in tests])
    entries = []
    for row, name in enumerate(reads.readers):
        read = np.isfinite(reads.scores[row])
        entries.append(
            {
                "reader": name,
                "reads": int(read.sum()),
                "real": int((read & ~reads.synthetic).sum()),
                "synthetic": int((read & reads.synthetic).sum()),
                "cannot_tell": int((reads.calls[row] == CHANCE).sum()),
                **{label: _reader_figure(reads, row, label, merit) for label, merit in merits.items()},
                "guessing": {
                    "p": tests[row].p, "p_holm": adjusted[row], "test": tests[row].test, "decided": tests[row].decided,
                    "power": tests[row].power, "alternative": ALTERNATIVE,
                },
                "time": {**spread(reads.seconds[row]), "trend": time_trend(reads.position[row], reads.seconds[row])},
            }
        )  # fmt: skip
    return entries


def _reader_figure(reads: Reads, row: int, name: str, merit: Merit) -> Entry:
    if not np.isfinite(merit.values[row]):
        return {"value": None, "ci95": None}
    if name in COUNTED:
        truth = COUNTED[name]
        chosen = np.isfinite(reads.right[row]) & ((reads.synthetic == truth) if truth is not None else True)
        return {"value": float(merit.values[row]), "ci95": list(_share_interval(reads, row, chosen, merit))}
    parts = [None if part is None else part[[row]] for part in (merit.synthetic, merit.real)]
    alone = pool(replace(merit, values=merit.values[[row]], synthetic=parts[0], real=parts[1]))
    return pooled_entry(name, alone, merit, 0.95)


def _share_interval(reads: Reads, row: int, chosen: npt.NDArray[np.bool_], merit: Merit) -> Interval:
    """Wilson's, of the cases read; where some are of one patient, as in `share_interval`."""
    count, clusters = int(chosen.sum()), len(np.unique(reads.groups[chosen]))
    value = float(merit.values[row])
    if clusters == count:
        return wilson(float(reads.right[row, chosen].sum()), count)
    return share_interval(value, count, clusters, float(np.nan_to_num(reader_covariance(merit)[row, row])))


def pooled_entry(name: str, pooled: Pooled | None, merit: Merit, level: float) -> Entry:
    """Value and interval of one figure, for JSON. Where the reads show no variance, that of the cases read once."""
    if pooled is not None and max(pooled.error, pooled.error_cases) > 0:
        return {"value": pooled.value, "ci95": list(pooled.interval(level))}
    known = merit.values[np.isfinite(merit.values)]
    if not len(known):
        return {"value": None, "ci95": None}
    parts = (merit.synthetic, merit.real)
    seen = [None if part is None else np.isfinite(part).any(axis=0) for part in parts]
    counts = [
        0 if seen[0] is None else int(seen[0].sum()),
        0 if seen[1] is None else len(np.unique(merit.patients[seen[1]])),
    ]
    interval = boundary_interval(name, float(known.mean()), counts[0], counts[1], level)
    return {"value": float(known.mean()), "ci95": list(interval) if interval else None}


def pooled_entries(reads: Reads, rng: np.random.Generator) -> Entry:
    """Every figure of merit over all readers, with three intervals that answer three questions."""
    return {name: _pooled(name, merit_of(reads), rng) for name, merit_of in MERITS.items()}


def _pooled(name: str, merit: Merit, rng: np.random.Generator) -> Entry:
    pooled = pool(merit)
    entry = pooled_entry(name, pooled, merit, 0.95)
    if pooled is None:
        return entry | dict.fromkeys(("ci95_these_readers", "ci95_bootstrap", "se", "reader_sd", "correlation")) | {
            "readers": int(np.isfinite(merit.values).sum())
        }  # fmt: skip
    drawn = bootstrap_interval(merit, rng)
    return entry | {
        "ci95_these_readers": list(pooled.interval_cases()) if pooled.error_cases > 0 else entry["ci95"],
        "ci95_bootstrap": list(drawn) if drawn else None,
        "readers": pooled.readers,
        "se": max(pooled.error, pooled.error_cases),
        "reader_sd": _number(pooled.reader_sd),
        "correlation": _number(pooled.correlation),
    }


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def guessing_entry(reads: Reads, rng: np.random.Generator) -> Entry:
    """The readers together against guessing: the tests, the power they had, and what can be ruled out."""
    merit = balanced_accuracy(reads)
    pooled = pool(merit)
    entry: Entry = {
        "p_accuracy": permutation_p(reads, reads.calls, rng),
        "p_auc": permutation_p(reads, reads.scores, rng),
        "test": "permutation of the truth over the cases, two-sided",
        "alpha": ALPHA,
        "alternative": ALTERNATIVE,
        "power": None,
        "smallest_detectable": None,
        "excluded": None,
        "speaks_for": "readers like these" if pooled and pooled.readers > 1 else "this reader",
    }
    if pooled is None:
        return entry
    low, high = pooled_entry("balanced_accuracy", pooled, merit, 1 - 2 * ALPHA)["ci95"]
    entry["excluded"] = {"below": low, "above": high, "margin": max(abs(low - CHANCE), abs(high - CHANCE))}
    error = max(pooled.error, pooled.error_cases)
    if error > 0:
        known = Precision(error, pooled.freedom)
        entry["power"] = detection_power(known, ALTERNATIVE, ALPHA)
        entry["smallest_detectable"] = smallest_detectable(known)
    return entry


def smallest_detectable(known: Precision) -> float | None:
    """The accuracy that the study would have told from guessing with a power of 80 %; None if not even 1."""
    accuracies = CHANCE + np.arange(1, 501) / 1000
    for accuracy in accuracies:
        if detection_power(known, float(accuracy), ALPHA) >= POWER:
            return round(float(accuracy), 3)
    return None


def rating_entries(reads: Reads) -> Entry:
    """Each other question: what real and synthetic slices were given, and how far apart the two lie."""
    return {name: _rating(reads, name) for name in reads.ratings}


def _rating(reads: Reads, name: str) -> Entry:
    grid = reads.ratings[name]
    merit = cliffs_delta(reads, grid)
    difference = pooled_entry("cliffs_delta", pool(merit), merit, 0.95)
    sides = {}
    for label, chosen in (("real", ~reads.synthetic), ("synthetic", reads.synthetic)):
        given = grid[:, chosen]
        given = given[np.isfinite(given)]
        kinds, counts = np.unique(given, return_counts=True)
        sides[label] = {
            "reads": len(given),
            "mean": float(given.mean()) if len(given) else None,
            "median": float(np.median(given)) if len(given) else None,
            "counts": {f"{kind:g}": int(count) for kind, count in zip(kinds, counts, strict=True)},
        }
    return {**sides, "cliffs_delta": difference}


def time_entry(reads: Reads) -> Entry:
    """Seconds a case over all reads, real against synthetic."""
    merit = cliffs_delta(reads, reads.seconds)
    sides = {"real": ~reads.synthetic, "synthetic": reads.synthetic}
    return {
        "all": spread(reads.seconds.ravel()),
        **{label: spread(reads.seconds[:, chosen].ravel()) for label, chosen in sides.items()},
        "cliffs_delta": pooled_entry("cliffs_delta", pool(merit), merit, 0.95),
    }

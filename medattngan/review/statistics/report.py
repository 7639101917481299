"""The statistics of a closed study, written as one folder and read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medattngan.core.files import UserError, atomic_folder, read_json, require_absent, write_json, write_text
from medattngan.core.locks import alone
from medattngan.core.seal import check, seal
from medattngan.review.protocol import OF_PAIRS
from medattngan.review.statistics.agreement import agreement
from medattngan.review.statistics.cases import CaseScores, case_scores, case_table, extremes
from medattngan.review.statistics.figures import save_choices, save_confidence, save_roc, save_times
from medattngan.review.statistics.findings import findings, notes
from medattngan.review.statistics.merits import MERITS
from medattngan.review.statistics.pairs import arrange_pairs, pair_statistics, pair_tables
from medattngan.review.statistics.reads import Reads, arrange
from medattngan.review.statistics.summary import (
    guessing_entry,
    pooled_entries,
    rating_entries,
    reader_entries,
    time_entry,
)
from medattngan.review.statistics.timing import order_effect
from medattngan.statistics.draws import require_seed

FORMAT = 1
FILES_OF_PAIRS = ("stats.json", "readers.csv", "cases.csv", "choices.png", "times.png")
FILES = ("stats.json", "readers.csv", "cases.csv", "roc.png", "times.png", "confidence.png")


@alone
def report_statistics(
    reads: pd.DataFrame,
    out: Path,
    seed: int = 0,
    *,
    authenticity: str = "authenticity",
    ratings: Sequence[str] | None = None,
    middle: float = 3,
    further: Sequence[str] = (),
    expected: int = 0,
) -> dict[str, Any]:
    """Work out the statistics of a study and write them to the new folder `out`: `FILES`, all or nothing.

    Args:
        reads: one row a read: `reader`, `position` (1-based), `case`, `synthetic` (bool), `milliseconds`, and one
            column a question, and maybe `patient-number` (int), the same for real cases of one patient. Of pairs
            `right` (bool) and `group` (int) stand in place of the truth and the patient. Free text is
            not looked into and goes nowhere.
        out: must not exist.
        seed: of bootstrap and permutations; the same reads and seed give the same bytes.
        authenticity: the question that asks real (low) or synthetic (high).
        ratings: the other questions to compare between real and synthetic; by default all that are answered in numbers.
        middle: the step that means "cannot tell" and counts as half right; 2.5 for a scale of 4 steps without a middle.
        further: sentences that stand among the notes.
        expected: reads of all readers and cases there are, also of those without one; 0 if only these are known.

    Returns:
        What stats.json holds; its keys are in docs/reference/review-statistics.md.

    Raises:
        UserError: the reads are not as above, `seed` is below 0, or `out` exists.
    """
    require_seed(seed)
    require_absent(Path(out))
    if set(reads) >= OF_PAIRS:
        return _report_pairs(arrange_pairs(reads, authenticity, ratings, middle), Path(out), seed, further, expected)
    grids = arrange(reads, authenticity, ratings, middle)
    stats, scores = _statistics(grids, seed, expected)
    stats["notes"] += further
    with atomic_folder(Path(out)) as folder:
        write_json(folder / "stats.json", stats)
        write_text(folder / "readers.csv", reader_table(stats).to_csv(index=False, lineterminator="\n"))
        cases = case_table(grids, scores).to_csv(index=False, lineterminator="\n", float_format="%.6g")
        write_text(folder / "cases.csv", cases)
        save_roc(folder / "roc.png", grids, stats["pooled"])
        save_times(folder / "times.png", grids, stats["order"])
        save_confidence(folder / "confidence.png", grids)
        seal(folder, "statistics")
    return stats


def work_out(
    reads: pd.DataFrame, seed: int = 0, *, authenticity: str, middle: float, expected: int = 0
) -> dict[str, Any]:
    """What stats.json would hold, in memory.

    Raises:
        UserError: as `report_statistics`.
    """
    require_seed(seed)
    if set(reads) >= OF_PAIRS:
        return pair_statistics(arrange_pairs(reads, authenticity, None, middle), seed, expected)
    return _statistics(arrange(reads, authenticity, None, middle), seed, expected)[0]


def _report_pairs(grids: Reads, out: Path, seed: int, further: Sequence[str], expected: int) -> dict[str, Any]:
    stats = pair_statistics(grids, seed, expected)
    stats["notes"] += further
    with atomic_folder(out) as folder:
        write_json(folder / "stats.json", stats)
        for name, table in pair_tables(grids, stats).items():
            write_text(folder / name, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
        save_choices(folder / "choices.png", stats)
        save_times(folder / "times.png", grids, stats["order"])
        seal(folder, "statistics")
    return stats


def load_statistics(folder: Path) -> dict[str, Any]:
    """Read what `report_statistics` wrote: the same dict.

    Raises:
        UserError: it is no such folder, a file of it is missing, or another version of medattngan wrote it.
    """
    folder = Path(folder)
    stats = read_json(folder / "stats.json")
    if not isinstance(stats, dict) or stats.get("format") != FORMAT:
        raise UserError(f"{folder / 'stats.json'} is not of format {FORMAT}; run medattngan review stats again.")
    for name in FILES_OF_PAIRS if stats.get("design") == "pair" else FILES:
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing; run medattngan review stats again.")
    check(folder, "statistics")
    return stats


def _statistics(reads: Reads, seed: int, expected: int) -> tuple[dict[str, Any], CaseScores]:
    # One stream a job: what one of them draws does not move the others.
    streams = [np.random.default_rng([seed, job]) for job in range(3)]
    scores = case_scores(reads)
    most, least = extremes(case_table(reads, scores))
    stats: dict[str, Any] = {
        "format": FORMAT,
        "seed": seed,
        "positive": "synthetic",
        "cannot_tell": {"step": reads.middle, "counts_as": 0.5},
        "counts": _counts(reads, expected),
        "pooled": pooled_entries(reads, streams[0]),
        "readers": reader_entries(reads),
        "guessing": guessing_entry(reads, streams[1]),
        "agreement": agreement(reads, streams[2]),
        "time": time_entry(reads),
        "order": order_effect(reads),
        "ratings": rating_entries(reads),
        "cases": {"most_convincing": most, "least_convincing": least, "reliability": scores.reliability},
    }
    stats["findings"] = findings(stats)
    stats["notes"] = notes(reads, stats)
    return stats, scores


def _counts(reads: Reads, expected: int) -> dict[str, int]:
    read = np.isfinite(reads.scores)
    seen = read.any(axis=0)
    return {
        "readers": int(read.any(axis=1).sum()),
        "cases": int(seen.sum()),
        "real": int((seen & ~reads.synthetic).sum()),
        "synthetic": int((seen & reads.synthetic).sum()),
        "patients": len(np.unique(reads.groups[seen & ~reads.synthetic])),
        "reads": int(read.sum()),
        "expected": max(read.size, expected),
        "missing": int(max(read.size, expected) - read.sum()),
        "cannot_tell": int((reads.calls == 0.5).sum()),
    }


def reader_table(stats: dict[str, Any]) -> pd.DataFrame:
    """readers.csv: one row a reader and a last one, `pooled`; three columns a figure: value, low, high."""
    return pd.DataFrame([_reader_row(entry) for entry in (*stats["readers"], _pooled_row(stats))])


def _pooled_row(stats: dict[str, Any]) -> dict[str, Any]:
    counts, guessing = stats["counts"], stats["guessing"]
    together = {name: counts[name] for name in ("reads", "real", "synthetic", "cannot_tell")}
    tested = {"p": guessing["p_accuracy"], "p_holm": None, "power": guessing["power"], "test": "permutation"}
    return {
        "reader": "pooled", **together, **stats["pooled"], "guessing": tested,
        "time": {**stats["time"]["all"], "trend": None},
    }  # fmt: skip


def _reader_row(entry: dict[str, Any]) -> dict[str, Any]:
    row = {name: entry[name] for name in ("reader", "reads", "real", "synthetic", "cannot_tell")}
    for name in MERITS:
        low, high = entry[name]["ci95"] or (None, None)
        row |= {name: _short(entry[name]["value"]), f"{name}_low": _short(low), f"{name}_high": _short(high)}
    guessing, time = entry["guessing"], entry["time"]
    row |= {"test": guessing["test"], **{f"{name}": _short(guessing[name]) for name in ("p", "p_holm", "power")}}
    trend = time["trend"]["seconds_per_10_cases"] if time["trend"] else None
    low, high = time["quartiles_s"] or (None, None)
    row |= {"median_s": _short(time["median_s"]), "quartile_low_s": _short(low), "quartile_high_s": _short(high)}
    return row | {"seconds_per_10_cases": _short(trend)}


def _short(value: float | None) -> float | None:
    """Six digits: more than any study has, and the same text everywhere."""
    return None if value is None else float(f"{round(value, 12):.6g}") + 0.0

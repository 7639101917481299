"""How many cases and readers a study needs, before anybody reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from medattngan.core.files import UserError
from medattngan.review.statistics.power import CHANCE, detection_power, exclusion_power, precision

MOST_CASES = 2000
"""A reader who takes 15 s a case needs more than eight hours for these."""
READERS = (1, 2, 3, 4, 5, 6, 8, 10)
CASES = (40, 60, 100, 150, 200, 300, 500)


@dataclass(frozen=True)
class StudyPlan:
    """What `plan_study` found.

    Attributes:
        needed: one row a number of readers: `readers`, `cases_to_exclude`, `cases_to_detect`; <NA> where no number of
            cases up to 2000 is enough.
        power: one row a number of readers and of cases: `readers`, `cases`, `power_to_exclude`, `power_to_detect`.
        cases_to_exclude: cases, half of them synthetic, for the readers asked for to rule the accuracy out; None if too
            many.
        cases_to_detect: cases to find that accuracy, if it is there.
        assumptions: what the figures rest on, in a sentence.
        text: all of it, to be printed.
    """

    needed: pd.DataFrame
    power: pd.DataFrame
    cases_to_exclude: int | None
    cases_to_detect: int | None
    assumptions: str
    text: str


def plan_study(
    accuracy_excluded: float = 0.6,
    power: float = 0.8,
    alpha: float = 0.05,
    readers: int = 3,
    reader_sd: float = 0.03,
    correlation: float = 0.1,
    these_readers_only: bool = False,
    readers_table: Sequence[int] = READERS,
    cases_table: Sequence[int] = CASES,
) -> StudyPlan:
    """Say how many cases, half of them synthetic, a study needs.

    Two questions are answered. To exclude: if readers do guess, how many cases until the study rules out, with
    probability `power`, that they are right in `accuracy_excluded` of reads or more (or wrong as often)? To detect: if
    readers are right in `accuracy_excluded` of reads, how many until a test against guessing notices? The model is that
    of `medattngan.review.statistics.power`.

    Args:
        accuracy_excluded: in (0.5, 1).
        power: in (0, 1).
        alpha: of each one-sided test to exclude, of the two-sided test to detect.
        readers: for the answer in one sentence; the tables have others.
        reader_sd: how much readers differ in true accuracy; a pilot study's `reader_sd` in stats.json.
        correlation: of two readers' being right on the same case; a pilot's `correlation`.
        these_readers_only: what is found need hold for the readers who read, not for others like them.
        readers_table, cases_table: the rows of the tables.

    Raises:
        UserError: a figure is out of its range.
    """
    _check(accuracy_excluded, power, alpha, readers, reader_sd, correlation)

    def exclude(count: int, cases: int) -> float:
        known = precision(count, cases, reader_sd, correlation, CHANCE, these_readers_only)
        return exclusion_power(known, accuracy_excluded, alpha)

    def detect(count: int, cases: int) -> float:
        known = precision(count, cases, reader_sd, correlation, accuracy_excluded, these_readers_only)
        return detection_power(known, accuracy_excluded, alpha)

    counts = sorted({*readers_table, readers})
    needed = pd.DataFrame(
        {
            "readers": counts,
            "cases_to_exclude": pd.array([_fewest(exclude, count, power) for count in counts], dtype="Int64"),
            "cases_to_detect": pd.array([_fewest(detect, count, power) for count in counts], dtype="Int64"),
        }
    )
    rows = [(count, cases, exclude(count, cases), detect(count, cases)) for count in counts for cases in cases_table]
    grid = pd.DataFrame(rows, columns=["readers", "cases", "power_to_exclude", "power_to_detect"])
    assumptions = _assumptions(alpha, reader_sd, correlation, these_readers_only)
    answers = _fewest(exclude, readers, power), _fewest(detect, readers, power)
    sentences = _sentences(accuracy_excluded, power, readers, *answers)
    text = "\n\n".join([sentences, assumptions, _needed_text(needed), _power_text(grid, accuracy_excluded)])
    return StudyPlan(needed, grid, *answers, assumptions, text)


def _assumptions(alpha: float, reader_sd: float, correlation: float, these_readers_only: bool) -> str:
    skill = (
        "what is found speaks for these readers only"
        if these_readers_only
        else f"readers differ in true accuracy by a standard deviation of {reader_sd:g}, and one reader speaks for "
        "that reader only"
    )
    return (
        f"Assumed: {skill}; two readers' being right on one case correlates by {correlation:g}; alpha {alpha:g}; half "
        "of the cases are synthetic."
    )


def _check(excluded: float, power: float, alpha: float, readers: int, reader_sd: float, correlation: float) -> None:
    if not CHANCE < excluded < 1:
        raise UserError(f"the accuracy to exclude is {excluded:g}; it must lie between 0.5, which is guessing, and 1.")
    if not (0 < power < 1 and 0 < alpha < 0.5):
        raise UserError(f"power {power:g} and alpha {alpha:g} must lie in (0, 1) and (0, 0.5), such as 0.8 and 0.05.")
    if readers < 1:
        raise UserError(f"{readers} readers cannot read; give 1 or more.")
    if not 0 <= reader_sd < 0.5:
        raise UserError(f"reader_sd is {reader_sd:g}; readers' accuracies differ by 0 to 0.5, 0.03 by default.")
    if not 0 <= correlation <= 1:
        raise UserError(f"correlation is {correlation:g}; it must lie in [0, 1].")


def _fewest(power_of: Callable[[int, int], float], readers: int, power: float) -> int | None:
    """The least even number of cases that gives `power`, by halving; power grows with cases."""
    if power_of(readers, MOST_CASES) < power:
        return None
    low, high = 1, MOST_CASES // 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(readers, 2 * middle) >= power else (middle + 1, high)
    return 2 * low


def _sentences(excluded: float, power: float, readers: int, exclude: int | None, detect: int | None) -> str:
    who = f"{readers} reader{'s' if readers > 1 else ''}"
    first = (
        f"If readers guess, {who} and {exclude} cases rule out an accuracy of {excluded:.0%} or more with "
        f"probability {power:.0%}."
        if exclude
        else f"If readers guess, {who} cannot rule out an accuracy of {excluded:.0%} with probability {power:.0%}, "
        f"even with {MOST_CASES} cases: ask more readers."
    )
    second = (
        f"If readers are right in {excluded:.0%} of reads, {who} and {detect} cases show that they do not guess with "
        f"probability {power:.0%}."
        if detect
        else f"If readers are right in {excluded:.0%} of reads, {who} cannot show that they do not guess with "
        f"probability {power:.0%}, even with {MOST_CASES} cases: ask more readers."
    )
    return f"{first}\n{second}"


def _needed_text(needed: pd.DataFrame) -> str:
    lines = ["Cases needed", f"{'readers':>7}  {'to exclude':>10}  {'to detect':>9}"]
    for row in needed.astype(object).where(needed.notna(), "—").itertuples(index=False):
        lines.append(f"{row.readers:>7}  {row.cases_to_exclude:>10}  {row.cases_to_detect:>9}")
    return "\n".join(lines)


def _power_text(grid: pd.DataFrame, excluded: float) -> str:
    cases = sorted(set(grid["cases"]))
    lines = [f"Power to exclude / to detect an accuracy of {excluded:.0%}, by readers and cases"]
    lines.append("readers  " + "  ".join(f"{count:>9}" for count in cases))
    for readers, rows in grid.groupby("readers"):
        cells = [f"{row.power_to_exclude:.2f}/{row.power_to_detect:.2f}" for row in rows.itertuples(index=False)]
        lines.append(f"{readers!s:>7}  " + "  ".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)

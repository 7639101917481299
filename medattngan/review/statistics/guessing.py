"""Could the readers have been guessing, would the study have noticed if not, and what can it rule out?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, binomtest, fisher_exact

from medattngan.review.statistics.reads import Grid, Reads
from medattngan.statistics.roc import areas_of_deals

PERMUTATIONS = 9999
CHANCE = 0.5


@dataclass(frozen=True)
class ReaderTest:
    """One reader against guessing.

    Attributes:
        p: two-sided; None if nothing was decided, or Fisher's test lacks a class.
        test: which test it was.
        decided: reads other than "cannot tell", on which it rests.
        power: chance that the binomial test had of p ≤ alpha, were the true accuracy `alternative`.
    """

    p: float | None
    test: str
    decided: int
    power: float


def reader_tests(reads: Reads, alternative: float, alpha: float) -> list[ReaderTest]:
    """Each reader's decided reads against a coin.

    "Cannot tell" is half right whatever the truth, so given how often it was said, the rest is binomial with p = ½ for
    who guesses. That holds for any leaning to one answer if the reader saw as many real as synthetic cases. If not, who
    always gives the commoner answer would seem to know, and Fisher's exact test of calls against truth is used.
    """
    tests = []
    for row in range(len(reads.readers)):
        read = np.isfinite(reads.scores[row])
        calls, truth = reads.calls[row, read], reads.synthetic[read]
        sure = calls != CHANCE
        decided = int(sure.sum())
        power = binomial_power(decided, alternative, alpha)
        if 2 * int(truth.sum()) == len(truth):
            right = int((calls[sure] == truth[sure]).sum())
            p = float(binomtest(right, decided, CHANCE).pvalue) if decided else None
            tests.append(ReaderTest(p, "exact binomial", decided, power))
        else:
            known = 0 < truth[sure].sum() < decided
            p = _fisher(calls[sure] == 1, truth[sure]) if known else None
            tests.append(ReaderTest(p, "Fisher's exact", decided, power))
    return tests


def _fisher(called: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    table = [[int(np.sum((called == call) & (truth == fact))) for fact in (True, False)] for call in (True, False)]
    return float(fisher_exact(np.array(table))[1])


def binomial_power(count: int, accuracy: float, alpha: float = 0.05) -> float:
    """Chance that the two-sided exact binomial test against ½ gives p ≤ alpha, if each read is right with `accuracy`.

    >>> round(binomial_power(10, 0.5), 5)  # 0, 1, 9 or 10 of 10
    0.02148
    """
    right = np.arange(count + 1)
    p = np.minimum(1.0, 2 * np.minimum(binom.cdf(right, count, CHANCE), binom.sf(right - 1, count, CHANCE)))
    return float(binom.pmf(right, count, accuracy)[p <= alpha].sum())


def holm(values: list[float | None]) -> list[float | None]:
    """P-values adjusted for how many readers were tested. Holm 1979, Scand J Stat 6:65-70.

    >>> holm([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    known = sorted((value, place) for place, value in enumerate(values) if value is not None)
    adjusted: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (value, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * value))
        adjusted[place] = highest
    return adjusted


def permutation_p(reads: Reads, grid: Grid, rng: np.random.Generator) -> float | None:
    """Two-sided p of the readers' mean area under the curve of `grid`, under truths dealt anew to the cases.

    Nothing is assumed of the reads: a reader may lean to one answer, and readers may fall for the same cases. With
    `grid` the calls (0, ½, 1) the area is the balanced accuracy; with the confidence steps it is the AUC.
    (k + 1) / (B + 1) of Phipson and Smyth 2010, Stat Appl Genet Mol Biol 9:39.

    Returns:
        None if no reader read both real and synthetic cases.
    """
    if reads.synthetic.all() or not reads.synthetic.any():
        return None
    dealt = rng.permuted(np.tile(reads.synthetic, (PERMUTATIONS, 1)), axis=1)
    deals = np.concatenate([reads.synthetic[None], dealt])
    areas = np.stack([areas_of_deals(row[np.isfinite(row)], deals[:, np.isfinite(row)]) for row in grid])
    if not np.isfinite(areas[:, 0]).any():
        return None
    able = areas[np.isfinite(areas[:, 0])]
    known = np.isfinite(able).sum(axis=0)
    # A deal that leaves every reader without a class has no mean; it counts as reaching, as below.
    means = np.where(known > 0, np.nansum(able, axis=0) / np.where(known > 0, known, 1), np.nan)
    distance = np.abs(means - CHANCE)
    # Areas are fractions worked out in floating point: equal ones must count as equal.
    reached = np.nan_to_num(distance[1:], nan=np.inf) >= distance[0] - 1e-9
    return float((reached.sum() + 1) / (PERMUTATIONS + 1))

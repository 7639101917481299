"""Reads of simulated readers, and of readers whose every answer is given."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medattngan.review.statistics.reads import Reads

EDGES = (-1.2, -0.4, 0.4, 1.2)


def read_table(scores: np.ndarray, synthetic: np.ndarray, **ratings: np.ndarray) -> pd.DataFrame:
    """One row a read from grids (readers, cases); NaN is unread. Cases are read in their order, 5 s each."""
    readers, cases = np.nonzero(np.isfinite(scores))
    return pd.DataFrame(
        {
            "reader": [f"reader-{reader + 1}" for reader in readers],
            "position": cases + 1,
            "case": cases,
            "synthetic": synthetic[cases],
            "authenticity": scores[readers, cases].astype(int),
            **{name: grid[readers, cases].astype(int) for name, grid in ratings.items()},
            "milliseconds": 5000,
        }
    )


def grids_of(scores: np.ndarray, synthetic: np.ndarray, groups: np.ndarray | None = None) -> Reads:
    """What `arrange(read_table(scores, synthetic))` gives, without the detour."""
    readers, cases = scores.shape
    read = np.isfinite(scores)
    return Reads(
        readers=tuple(f"reader-{reader + 1}" for reader in range(readers)),
        cases=np.arange(cases),
        synthetic=np.asarray(synthetic),
        groups=np.arange(cases) if groups is None else groups,
        scores=np.asarray(scores, float),
        position=np.where(read, np.arange(1.0, cases + 1), np.nan),
        seconds=np.where(read, 5.0, np.nan),
        ratings={},
        middle=3,
        renamed=False,
    )


def simulated_reads(
    rng: np.random.Generator, readers: int = 3, cases: int = 40, skill: float = 0.4, hardness: float = 0.5
) -> pd.DataFrame:
    """Readers who see a noisy trace of the truth, are led astray by the same cases, and read in their own order."""
    synthetic = rng.permutation(np.arange(cases) % 2 == 0)
    lean = hardness * rng.standard_normal(cases)
    seen = np.where(synthetic, skill, -skill) + lean + rng.standard_normal((readers, cases))
    scores = np.digitize(seen, EDGES) + 1
    quality = np.clip(rng.integers(2, 6, (readers, cases)) - synthetic, 1, 5)
    table = read_table(scores.astype(float), synthetic, quality=quality)
    order = np.concatenate([rng.permutation(cases) + 1 for _ in range(readers)])
    milliseconds = (8000 * rng.lognormal(0, 0.5, len(table))).astype(int)
    return table.assign(position=order, milliseconds=milliseconds, comment="Doe, Jane has a cyst").sort_values(
        ["reader", "position"], ignore_index=True
    )

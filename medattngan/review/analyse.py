"""What a reader study says: of a closed one for good, of an open one only to its owner, who asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from medattngan.core.files import UserError
from medattngan.review.close import in_types, load_reads, open_truth, tabulate
from medattngan.review.database import Database
from medattngan.review.study import Study


def analyse_study(path: str | Path, out: str | Path | None = None, *, seed: int = 0) -> dict[str, Any]:
    """Whether readers could tell real from synthetic, from a closed study.

    Args:
        path: the study.
        out: a new folder for tables and figures too; None leaves nothing on disk.
        seed: of bootstrap and permutations; the same reads and seed give the same figures.

    Returns:
        What stats.json holds (docs/reference/review-statistics.md): `findings` and `notes` say it in sentences.

    Raises:
        UserError: the study is not closed, or nobody has read; or `out` exists.
    """
    from medattngan.review.statistics.report import report_statistics, work_out

    reads = load_reads(path)
    if reads.empty:
        raise UserError(f"{path} was closed without a single read; there is nothing to analyse.")
    study = Study.open(path)
    asked, middle, looked = study.protocol.authenticity.id, study.protocol.middle, _looked(study)
    expected = _expected(study)
    if out is not None:
        return report_statistics(
            reads, Path(out), seed, authenticity=asked, middle=middle, further=looked, expected=expected
        )
    stats = work_out(reads, seed, authenticity=asked, middle=middle, expected=expected)
    return {**stats, "notes": [*stats["notes"], *looked]}


def _expected(study: Study) -> int:
    """Reads that would be there if every reader had read every case."""
    return int(study.facts["readers"]) * int(study.facts["count"])


def _looked(study: Study) -> list[str]:
    """That somebody looked before the end, in a sentence."""
    database = Database(study.database)
    try:
        at = database.looked_at()
    finally:
        database.close()
    return [f"The findings were looked at before the study was closed, first on {at[:10]}."] if at else []


def look_before_the_end(study: Study, database: Database) -> dict[str, Any] | None:
    """What the reads so far say, and a note in the study that somebody looked; None before there is one.

    It opens the truth. Who looks may stop when the result is nice, so the look is written down where `status` and
    `analyse_study` find it.

    Raises:
        UserError: the sealed truth is not what was sealed.
    """
    from medattngan.review.statistics.report import work_out

    reads = database.all_newest()
    truth = open_truth(study)
    if not reads:
        return None
    database.note_look()
    table: pd.DataFrame = tabulate(reads, truth, study.protocol).astype("string").fillna("")
    asked, middle = study.protocol.authenticity.id, study.protocol.middle
    return work_out(in_types(table, study.protocol), authenticity=asked, middle=middle, expected=_expected(study))

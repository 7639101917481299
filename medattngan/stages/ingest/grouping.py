"""How patients were told apart: counts for the record, sentences and three examples for the summary."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from medattngan.core.text import counted
from medattngan.scans.patients.names import DATE
from medattngan.scans.patients.owner import RULES
from medattngan.scans.patients.words import NOBODY
from medattngan.scans.series import Series

EXAMPLES = 3
LONG = 6
"""So many digits, short numbers in a row taken together, may be one number of somebody."""
_CHAIN = re.compile(r"\d+(?:[\W_]+\d+)+")
CURE = "give a table with the columns `file` and `patient` (--labels) where that is wrong"
SUFFIXES = (".nii.gz", ".nii", ".mha", ".nrrd", ".mgz", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
SPOKEN = NOBODY | {"patient", "subject", "case", "sub"}
"""Words that may be shown of a file's name: they are nobody's."""


def record(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Series and patients by the rule that told whose they are. No word of the source is in it."""
    return [
        {"rule": rule, "series": len(some), "patients": _patients(some)}
        for rule, some in sorted(_by_rule(series).items())
    ]


def notes(series: Sequence[Series]) -> Iterator[str]:
    """What the user ought to know of the grouping, without a word of the source."""
    rules = _by_rule(series)
    volumes = [one for one in _guessed(series) if one.layout == "volume"]
    if volumes:
        how = ", ".join(sorted({RULES.get(one.whose, f"by {one.whose}") for one in volumes}))
        patients, of = counted(_patients(volumes), "patients"), counted(len(volumes), "volumes")
        yield f"{patients} of {of} were told apart {how}; {CURE}."
    if nameless := rules.get("nobody"):
        yield (
            f"{len(nameless)} series have no Patient ID, or one that stands for nobody, as ANONYMOUS does: whose they "
            f"are is not known, and all count as one patient, in one split; {CURE}."
        )
    if joined := rules.get("study"):
        yield f"{len(joined)} series without a Patient ID went to the patient of their study."
    sources: dict[str, set[str]] = defaultdict(set)
    for one in _guessed(series):
        sources[one.patient].add(one.pieces[0].relative.partition("/")[0])
    if both := sum(len(some) > 1 for some in sources.values()):
        yield f"{both} patients bear one name in two or more sources, and count as one each; {CURE}."


def examples(series: Sequence[Series]) -> Iterator[str]:
    """How the names of some files were read. What may identify is struck out: terminals are logged, too."""
    patients: dict[str, list[str]] = defaultdict(list)
    for one in _guessed(series):
        patients[one.patient].append(one.pieces[0].relative.partition("/")[2] or one.pieces[0].relative)
    for files in sorted(patients.values(), key=lambda files: (-len(files), files))[:EXAMPLES]:
        first, *more = dict.fromkeys(masked(file) for file in sorted(files))
        others = f", {more[0]}" if more else ""
        left = len(files) - 1 - bool(more)
        yield f"  counts as one patient, for example: {first}{others}{f' and {left} more' if left else ''}"


def masked(path: str) -> str:
    """A path without what may be a name, a long number or a date; words that say what was scanned, and counts, stay.

    >>> masked("Doe_Jane/visit2_T1w_20190302.nii.gz"), masked("case_00017-12-03-2019.png")
    ('xxx_xxxx/visit2_T1w_00000000.nii.gz', 'case_00000-00-00-0000.png')
    >>> masked("1960/03/12/T1.nii"), masked("943 476 591.png"), masked("case-1-2.nii")
    ('0000/00/00/T1.nii', '000 000 000.png', 'case-1-2.nii')
    """
    end = next((suffix for suffix in SUFFIXES if path.lower().endswith(suffix)), "")
    name = path[: len(path) - len(end)]
    undated = _CHAIN.sub(_unnumbered, DATE.sub(lambda found: re.sub(r"\d", "0", found[0]), name))
    return re.sub(r"[^\W_]+", _masked, undated) + path[len(name) :]


def _unnumbered(chain: re.Match[str]) -> str:
    """Short numbers in a row without what may be one long number, or a date."""
    groups = re.findall(r"\d+", chain[0])
    many = len(groups) > 2 or sum(map(len, groups)) >= LONG
    return re.sub(r"\d", "0", chain[0]) if many else chain[0]


def _masked(word: re.Match[str]) -> str:
    if word[0].casefold() in NOBODY:
        return word[0]
    return re.sub(r"\d+|[^\W\d_]+", lambda run: _struck(run[0]), word[0])


def _struck(run: str) -> str:
    if run.isdigit():
        return run if len(run) < 4 else "0" * len(run)
    return run if run.casefold() in SPOKEN else "x" * len(run)


def is_guessed(series: Series) -> bool:
    """Whether neither a header nor the table says whose it is."""
    return series.whose not in ("", "header", "study", "table")


def _guessed(series: Sequence[Series]) -> list[Series]:
    return [one for one in series if is_guessed(one)]


def _by_rule(series: Sequence[Series]) -> dict[str, list[Series]]:
    rules: dict[str, list[Series]] = defaultdict(list)
    for one in series:
        rules[one.whose or "header"].append(one)
    return rules


def _patients(series: Sequence[Series]) -> int:
    return len({one.patient for one in series})

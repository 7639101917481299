"""Volumes that programs made of others, and named by what they put before the name: wsub-01.nii, c1scan.nii, o2019.nii.

SPM and CAT12 write r, w, s, m, u and a, one before the other, with c1 to c6 or p0 to p6 for classes of tissue, `mean`,
and y_ and iy_ for deformations; dcm2nii wrote o and co. Such a volume is of the patient of the one that it was made of.
Sources: SPM12 manual, chapters on spatial preprocessing; CAT12 manual, "Naming convention of output files".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from medattngan.scans.patients.conventions import named_by_data_set
from medattngan.scans.patients.names import parse, stem

_TISSUE = re.compile(r"[smwru]{0,5}0?w?[rm]?[cp][0-6]", re.IGNORECASE)
_PREFIX = re.compile(rf"[smwrua]{{1,6}}|{_TISSUE.pattern}|mean[aru]?|i?y_|c?o", re.IGNORECASE)
MOST_LETTERS = 8
LEAST_NAME = 2
"""What is left of a name has so many characters."""


def originals(paths: Iterable[str]) -> dict[str, str]:
    """Each path, with the name of what it was made of in place of its own; itself where nothing says so.

    The rest of a name is another's if a file of that name is there, if a known data set names its patients so, or if
    it stands behind several prefixes of which one is that of a tissue.

    >>> list(originals(["s/wmsub-01_T1w.nii", "s/c1ab.nii", "s/ab.nii", "s/w12.nii"]).values())
    ['s/sub-01_T1w.nii', 's/ab.nii', 's/ab.nii', 's/w12.nii']
    """
    names = {path: path.rpartition("/")[2] for path in paths}
    stems = {stem(name) for name in names.values()}
    prefixes: dict[str, set[str]] = defaultdict(set)
    for one in stems:
        for prefix, rest in _readings(one):
            prefixes[rest].add(prefix)
    shared = {rest for rest, some in prefixes.items() if len(some) > 1 and any(map(_TISSUE.fullmatch, some))}
    start = {one: _start(one, stems | shared) for one in stems}
    return {path: path[: len(path) - len(name)] + name[start[stem(name)] :] for path, name in names.items()}


def _readings(name: str) -> Iterable[tuple[str, str]]:
    """(prefix, rest), the longest prefix first; what is left names somebody."""
    for end in range(min(MOST_LETTERS, len(name) - LEAST_NAME), 0, -1):
        if _PREFIX.fullmatch(name[:end]) and name[end].isalnum() and parse(name[end:]).key:
            yield name[:end], name[end:]


def _start(name: str, known: set[str]) -> int:
    """Where the name of the original begins."""
    if named_by_data_set(name) is not None:
        return 0
    for prefix, rest in _readings(name):
        if rest in known or named_by_data_set(rest) is not None:
            return len(prefix)
    return 0

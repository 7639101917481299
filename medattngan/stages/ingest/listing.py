"""What an ingest would take, series by series, before anything is written: choose with it, then ingest with `--only`.

Patients and series go by the pseudonyms that a store would have. No word of the source is in the list, as terminals are
logged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medattngan.core.progress import watching
from medattngan.core.text import counted
from medattngan.scans.bounds import Bounds
from medattngan.scans.find import stacks, walk
from medattngan.scans.geometry.planes import OBLIQUE_DEG
from medattngan.scans.masks.find import MasksAsked
from medattngan.scans.options import parse_window
from medattngan.scans.series import REASONS, Piece, Series, first_number
from medattngan.scans.stack.traits import TRAITS
from medattngan.scans.table.rows import read_labels
from medattngan.stages.ingest.examine import examine, runner
from medattngan.stages.ingest.only import Only
from medattngan.stages.ingest.pseudonyms import load_salt, pseudonym
from medattngan.stages.ingest.request import FOLDERS
from medattngan.stages.ingest.worker import quiet

COLUMNS = (
    "patient", "series", "modality", "sequence", "plane", "slices", "pixels", "echo_ms", "repetition_ms",
    "inversion_ms", "taken",
)  # fmt: skip
"""Of the list. Plane and slices are those of the scan; what a header does not say is missing."""
TYPES: dict[str, Any] = {"slices": "Int64", "taken": "bool"}
TYPES |= dict.fromkeys(("echo_ms", "repetition_ms", "inversion_ms"), "float64")


def list_series(
    sources: Sequence[str | Path] | str | Path,
    *,
    only: Sequence[str] = (),
    window: str | None = None,
    labels: str | Path | None = None,
    masks: str | Path | None = None,
    workers: int = 1,
    cluster: str | None = None,
    progress: bool = True,
    file_seconds: float = 60.0,
    file_memory: str = "4GB",
) -> pd.DataFrame:
    """Look into every file under `sources`, and write nothing; the arguments are those of `ingest`.

        table = mg.list_series("SCANS")
        mg.ingest("SCANS", "store", only=["sequence=T1"])

    Returns:
        One row a series, with `COLUMNS`; `taken` says whether `only` asks for it. Its `attrs["set_aside"]` counts the
        files that hold no series, by reason.

    Raises:
        UserError: an argument is wrong, or a source does not exist.
    """
    chosen, bounds = Only.parse(only), Bounds.parse(file_seconds, file_memory)
    parse_window(window)
    scans = tuple(map(Path, [sources] if isinstance(sources, str | Path) else sources))
    listed = None if labels is None or Path(labels) == FOLDERS else Path(labels)
    table = None if listed is None else read_labels(listed)
    files = walk(scans, skip=[] if listed is None else [listed])
    if masks is not None:
        files, _ = MasksAsked.parse(masks, None, scans).split(files, scans)
    with quiet(), watching(progress) as watch:
        found = examine(runner(files, workers, cluster, bounds), files, watch)
    series = stacks(found, table, window is not None, labels is not None and listed is None)
    salt = load_salt()
    rows = sorted((_row(one, salt, chosen) for one in series), key=lambda row: (row["patient"], row["series"]))
    listed_series = pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)
    listed_series.attrs["set_aside"] = dict(sorted(Counter(file.reason for file in found if file.reason).items()))
    return listed_series


def _row(series: Series, salt: bytes, only: Only) -> dict[str, object]:
    first = series.pieces[0]
    times = dict(zip(TRAITS, first.traits, strict=True)) if first.traits else {}
    shape = first.shape if first.tile is None else first.tile[2:]
    return {
        "patient": pseudonym(salt, "patient", series.patient),
        "series": pseudonym(salt, "series", f"{series.patient}\0{series.key}"),
        "modality": series.modality,
        "sequence": series.sequence,
        "plane": _plane(first),
        "slices": len(series.pieces) if series.layout == "frames" else None,
        "pixels": " x ".join(map(str, shape)),
        "echo_ms": first.echo_ms,
        "repetition_ms": first_number(times.get("repetition")),
        "inversion_ms": first_number(times.get("inversion")),
        "taken": only.takes(series),
    }


def _plane(piece: Piece) -> str:
    """The plane of a frame, by its normal; empty where it has no place, or is too oblique to say."""
    if piece.geometry is None:
        return ""
    cosines = np.asarray(piece.geometry.orientation, float)
    towards = np.abs(np.cross(cosines[:3], cosines[3:]))
    if towards.max() < np.cos(np.radians(OBLIQUE_DEG)) - 1e-6:
        return ""
    return ("sagittal", "coronal", "axial")[int(towards.argmax())]


def told(table: pd.DataFrame) -> Iterator[str]:
    """The list in lines, then what there is of each kind, and what would be left out."""
    if len(table):
        shown = table.assign(taken=np.where(table["taken"], "yes", "no"))
        yield from shown.to_string(index=False, na_rep="-", float_format=_short).splitlines()
        yield ""
    kinds = table.assign(sequence=table["sequence"].replace("", "-")).groupby(["modality", "sequence"], sort=True)
    for (modality, sequence), some in kinds:
        series, patients = counted(len(some), "series", "series"), counted(some["patient"].nunique(), "patients")
        yield f"{modality} {sequence}: {series} of {patients}, {int(some['taken'].sum())} taken"
    taken = table[table["taken"]]
    yield f"{len(taken)} of {len(table)} series would be taken, of {counted(taken['patient'].nunique(), 'patients')}."
    for reason, count in table.attrs["set_aside"].items():
        yield f"set aside: {counted(count, 'files')} {reason} ({REASONS[reason]})"
    if len(table):
        yield "Blank slices, copies, and series that cannot be cut in the plane asked for are found when they are read."


def _short(value: float) -> str:
    return f"{value:g}"

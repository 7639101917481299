"""What an ingest says of its store, or why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from medattngan.core.config import DataConfig
from medattngan.core.text import counted
from medattngan.data.store import SliceStore
from medattngan.scans.series import REASONS
from medattngan.stages.ingest.assemble import Ledger

OTHER_PLANE = "other-plane"
AS_ACQUIRED = "scans that cannot be cut in the plane asked for are taken as they are with --plane acquired"
SIZES: tuple[int, ...] = get_args(DataConfig.model_fields["size"].annotation)
"""Of what can be trained, in pixels."""


def nothing(sources: Sequence[Path], ledger: Ledger) -> str:
    """Why there is no store, in one sentence."""
    where = ", ".join(map(str, sources))
    why = ledger.rejected()
    if not why:
        return f"There is no file in {where}; give a folder of DICOM, NIfTI or picture files."
    raised = {"unreadable": causes(Counter(ledger.unreadable().values()))}
    counts = sorted(((count, reason) for reason, count in Counter(why.values()).items()), reverse=True)
    listed = ", ".join(f"{count} {reason}{raised.get(reason, '')}" for count, reason in counts)
    if counts[0][1] == OTHER_PLANE:
        return f"Nothing usable in {where} ({listed}); {AS_ACQUIRED}."
    return f"Nothing usable in {where} ({listed}); see which file is which with --rejected FILE.csv."


def causes(raised: Mapping[str, int]) -> str:
    """What readers raised on the files that are unreadable, the commonest first.

    >>> causes({"EOFError": 1, "LZMAError": 2})
    ': 2 LZMAError, 1 EOFError'
    """
    listed = ", ".join(f"{count} {cause}" for cause, count in sorted(raised.items(), key=lambda one: (-one[1], one[0])))
    return f": {listed}" if listed else ""


def summary(store: SliceStore, rejected: Path | None) -> Iterator[str]:
    """What was read, what was set aside and why, and what the reader must be told."""
    record = store.provenance
    read = record["read"]
    slices, patients = counted(read["slices"], "slices"), counted(read["patients"], "patients")
    yield f"{slices} of {read['series']} series of {patients} in {store.path}"
    aside = record["set_aside"]
    for reason in dict.fromkeys([*sorted(aside["files"]), *sorted(aside["slices"])]):
        listed = [counted(aside[kind][reason], kind) for kind in ("files", "slices") if reason in aside[kind]]
        raised = causes(aside.get("causes", {})) if reason == "unreadable" and reason in aside["files"] else ""
        yield f"  set aside: {' and '.join(listed)} {reason} ({REASONS[reason]}{raised})"
    if aside["files"]:
        yield f"  which files: {rejected}" if rejected else "  which files: give --rejected FILE.csv"
    if 2 * aside["files"].get(OTHER_PLANE, 0) > sum(aside["files"].values()):
        yield f"  {AS_ACQUIRED}"
    if store.size not in SIZES:
        yield f"  train takes {', '.join(map(str, SIZES))} px and averages {store.size} px down; choose one with --size"
    if (masked := record["screen"].get("masked", {"series": 0}))["series"]:
        yield f"  masked: text at {masked['places']} places of {masked['series']} series"
    elif record["screen"] and "burned-in-text" not in record["set_aside"]["files"]:
        yield "  screened: no text was found in the pixels; faint or small text may still be present"
    for note in record["notes"]:
        yield f"  {note}"

"""What an ingest says where there is no store, or where readers raised something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from medattngan.stages.ingest.assemble import Ledger


def nothing(sources: Sequence[Path], ledger: Ledger) -> str:
    """Why there is no store, in one sentence."""
    where = ", ".join(map(str, sources))
    why = ledger.rejected()
    if not why:
        return f"There is no file in {where}; give a folder of DICOM, NIfTI or picture files."
    raised = {"unreadable": causes(Counter(ledger.unreadable().values()))}
    counts = sorted(((count, reason) for reason, count in Counter(why.values()).items()), reverse=True)
    listed = ", ".join(f"{count} {reason}{raised.get(reason, '')}" for count, reason in counts)
    return f"Nothing usable in {where} ({listed}); see which file is which with --rejected FILE.csv."


def causes(raised: Mapping[str, int]) -> str:
    """What readers raised on the files that are unreadable, the commonest first.

    >>> causes({"EOFError": 1, "LZMAError": 2})
    ': 2 LZMAError, 1 EOFError'
    """
    listed = ", ".join(f"{count} {cause}" for cause, count in sorted(raised.items(), key=lambda one: (-one[1], one[0])))
    return f": {listed}" if listed else ""

"""The user's own list of the files that are not in the store, or not whole, with their names."""

from __future__ import annotations

import csv
from pathlib import Path

from medattngan.core.files import atomic_path
from medattngan.core.spreadsheets import defuse
from medattngan.core.text import shown
from medattngan.scans.series import MASKED, REASONS, REJECTED_COLUMNS
from medattngan.stages.ingest.assemble import Ledger


def write_rejected(path: Path, ledger: Ledger) -> None:
    """Write the list as CSV: name of file, reason, what it means."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(REJECTED_COLUMNS)
        causes = {name: f" ({cause})" for name, cause in ledger.unreadable().items()}
        for name, reason in sorted(ledger.rejected().items()):
            rows.writerow([defuse(shown(name)), reason, REASONS[reason] + causes.get(name, "")])
        for name, places in sorted(ledger.masked.items()):
            masked = f"text at {places} places was masked; the rest is in the store"
            rows.writerow([defuse(shown(name)), MASKED, masked])

"""What libraries tell their makers, unasked: nothing, where patients' scans are read.

ONNX Runtime, which finds text for `ingest --screen`, reports each process and model to its maker from version 1.29 on
(its Privacy.md). `ORT_DISABLE_TELEMETRY` stops that wholly if it stands before the library is loaded; its function
`disable_telemetry_events` comes too late for the first report.
"""

from __future__ import annotations

import os

SILENT = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
"""Both names are in use, by version."""


def silence() -> None:
    """Ask for silence, for this process and those it starts; what the environment says already stays."""
    for name in SILENT:
        os.environ.setdefault(name, "1")

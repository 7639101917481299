"""What is seldom asked for costs nothing until it is."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_ingest_reads_no_networks_unless_text_is_looked_for() -> None:
    heavy = ("torch._dynamo", "medattngan.attention", "medattngan.scans.text.judge")
    code = (
        "import sys, medattngan.stages.ingest.ingest\n"
        f"sys.exit(' '.join(name for name in {heavy} if name in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

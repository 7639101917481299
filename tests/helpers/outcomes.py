"""What a verb that came to a bad end left behind, and whether that is whole."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from medattngan.core.run import Run
from medattngan.core.seal import check, thorough
from medattngan.stages.demo.demo import LEAST_PATIENTS

RESUMED = ("train", "utility")
"""Their folders grow bit by bit, and the same command goes on in them."""


def left_in(folder: Path) -> list[str]:
    """What lies in `folder`, hidden or not, but what an interrupted ingest is resumed from."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".out.ingest")


def contents(out: Path) -> dict[str, str]:
    """The digest of every file that is the same in every undisturbed call.

    Traces are only of calls in processes of their own: here all are forked from one.
    """
    files = [out] if out.is_file() else [path for path in sorted(out.rglob("*")) if path.is_file()]
    clocks = re.compile(r"metrics|tensorboard|checkpoint\.json|optimizers|seal|provenance|study|truth|model\.ts|\.zip")
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not clocks.search(str(path.relative_to(out)))
    }


def require_whole_steps(demo: Path) -> None:
    """Every step of the demo that is to be seen is whole: `UserError` otherwise."""
    folders = {"store": "store", "samples": "samples", "scores": "scores", "dicom": "dicom"}
    with thorough():
        for name, kind in folders.items():
            if (demo / name).exists():
                check(demo / name, kind)
    if (demo / "scans").exists():
        assert len(list((demo / "scans").glob("*/*"))) == LEAST_PATIENTS
    if (demo / "run").exists():
        Run.open(demo / "run")
    page = demo / "report.html"
    assert not page.exists() or page.read_text(encoding="utf-8").rstrip().endswith("</html>")

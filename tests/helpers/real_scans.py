"""Real scans on this machine: those that pydicom and pydicom-data bring, and whatever MEDATTNGAN_SCANS names.

MEDATTNGAN_SCANS is a list of folders of one's own scans (separated as PATH is). It may be unset: pydicom's own files
alone are enough for a test that can fail.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from medattngan.scans.find import Found, examine, walk

DCM2NIIX = shutil.which("dcm2niix", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
"""The program of the package dcm2niix, which lies beside Python; None where it is not installed."""


def folders() -> list[Path]:
    """The folders that hold real scans; one at least."""
    packages = [importlib.util.find_spec(name) for name in ("pydicom.data", "data_store")]
    own = [Path(part) for part in os.environ.get("MEDATTNGAN_SCANS", "").split(os.pathsep) if part]
    return [*(Path(str(spec.origin)).parent for spec in packages if spec is not None), *own]


def found(format_name: str, folder: Path) -> Iterator[Found]:
    """Every file of a folder that is of a format, with its pieces or why it is set aside."""
    for item in walk([folder]):
        file = examine(item)
        if file.format == format_name:
            yield file

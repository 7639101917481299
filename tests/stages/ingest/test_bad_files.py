"""One bad file costs that file: whatever a reader does to its process, what lies beside the file is in the store."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.installed import install_package
from helpers.scan_files import texture, write_ct, write_nifti
from PIL import Image

from medattngan.core import plugins
from medattngan.core.files import UserError
from medattngan.data.intensity import IntensityMap
from medattngan.data.store import SliceStore
from medattngan.scans.formats.table import GROUP
from medattngan.scans.prepare import _encoded
from medattngan.stages.ingest.ingest import ingest

READER = '''
"""A reader that does to its process what its file says: `BAD stage deed`."""

import ctypes
import os
import time

import numpy as np

from medattngan.scans.formats.table import Format
from medattngan.scans.series import Piece, SetAside


class Panic(BaseException):
    """As pyo3 raises where Rust panics."""


def deep():
    return deep()


def spin():
    while True:
        pass


def hang_in_c():
    ctypes.PyDLL(None).sleep(600)  # holds the lock of the interpreter all the while


def grow():
    hoard = []
    while True:
        hoard.append(np.ones(1 << 20))


def raising(error):
    def deed():
        raise error
    return deed


DEEDS = {
    "panic": raising(Panic("KANARIE")),
    "exit": raising(SystemExit(3)),
    "stopped": raising(StopIteration("KANARIE")),
    "memory": raising(MemoryError()),
    "assertion": raising(AssertionError("KANARIE")),
    "reason": raising(SetAside("KANARIE")),
    "deep": deep,
    "spin": spin,
    "hang": hang_in_c,
    "grow": grow,
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "leave": lambda: os._exit(0),
    "nothing": lambda: None,
}


def do(path, stage):
    _, when, deed = path.read_text().split()
    if when == stage:
        return DEEDS[deed]()


def recognise(path, head):
    if not head.startswith(b"BAD "):
        return False
    do(path, "recognise")
    return True


def describe(path, relative):
    if path.read_text() == "BAD describe nothing":
        return None
    do(path, "describe")
    return [Piece(path, relative, 0, "", relative, "MR", (0, relative))]


def load(pieces):
    do(pieces[0].path, "load")
    return None


FORMAT = Format(recognise, describe, load, "volume")
'''

DEEDS = {
    "panic": "unreadable",
    "exit": "unreadable",
    "stopped": "unreadable",
    "assertion": "unreadable",
    "reason": "unreadable",
    "deep": "unreadable",
    "segfault": "unreadable",
    "abort": "unreadable",
    "leave": "unreadable",
    "memory": "too-large",
    "grow": "too-large",
    "spin": "too-slow",
    "hang": "too-slow",
    "nothing": "unreadable",
}
"""What the reader does, and why its file is set aside."""

CAUSES = {"panic": "Panic", "deep": "RecursionError", "segfault": "SIGSEGV", "abort": "SIGABRT", "leave": "exit 0"}


@pytest.fixture(autouse=True)
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    install_package(folder, "bad_reader", READER, {GROUP: {"bad": "FORMAT"}})
    plugins.load.cache_clear()
    yield
    plugins.load.cache_clear()
    sys.modules.pop("bad_reader", None)


def write_good(folder: Path) -> None:
    """Three scans that are in order: a CT, a volume, a picture."""
    write_ct(folder / "ct", "patient", slices=8)
    write_nifti(folder / "volume.nii", texture((16, 16, 10), 5).astype(np.float32))
    Image.fromarray(texture((16, 16), 6, high=255).astype(np.uint8)).save(folder / "picture.png")


def take(source: Path, out: Path, **options: object) -> SliceStore:
    bounds = {"file_seconds": 4.0, "file_memory": "100MB", "progress": False, "size": 16}
    return ingest([source], out, **{**bounds, **options})  # type: ignore[arg-type]


def reasons(path: Path) -> dict[str, tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return {Path(row["file"]).name: (row["reason"], row["meaning"]) for row in csv.DictReader(lines)}


@pytest.mark.parametrize(
    ("stage", "left_out"),
    [
        ("load", ["spin", "hang"]),
        *(pytest.param(stage, [], marks=pytest.mark.slow) for stage in ("recognise", "describe", "load")),
    ],
)
def test_what_a_reader_does_to_its_process_costs_its_file_alone(
    tmp_path: Path, stage: str, left_out: list[str]
) -> None:
    write_good(tmp_path / "scans")
    good = take(tmp_path / "scans", tmp_path / "good")
    deeds = [deed for deed in DEEDS if deed not in left_out and (deed, stage) != ("nothing", "recognise")]
    for deed in deeds:
        (tmp_path / "scans" / f"0-{deed}").write_text(f"BAD {stage} {deed}")
    started = time.monotonic()
    store = take(tmp_path / "scans", tmp_path / "store", rejected=tmp_path / "rejected.csv")
    assert time.monotonic() - started < 60
    listed = reasons(tmp_path / "rejected.csv")
    assert {name: reason for name, (reason, _) in listed.items()} == {f"0-{deed}": DEEDS[deed] for deed in deeds}
    for deed, cause in CAUSES.items():
        assert listed[f"0-{deed}"][1].endswith(f"({cause})")
    assert store.provenance["set_aside"]["causes"]["Panic"] == 1
    assert "KANARIE" not in (tmp_path / "rejected.csv").read_text() + str(store.provenance)
    assert store.digest == good.digest
    assert store.provenance["read"]["series"] == 3


def test_slices_without_a_place_or_a_piece_set_their_series_aside() -> None:
    """A damaged header may place some frames and not others."""
    item = {"image": np.eye(4, dtype=np.float32)[None].repeat(2, 0), "map": IntensityMap(0.0, 1.0, "a.u.")}
    item |= {"set_aside": [], "scheme": "full-range", "plane": "axial", "spacing_mm": 1.0}
    assert len(_encoded(item | {"sources": [0, 1], "positions_mm": [0.0, 1.0]}, 2).codes) == 2
    with pytest.raises(ValueError, match="without a place"):
        _encoded(item | {"sources": [0, 1], "positions_mm": [0.0]}, 2)
    with pytest.raises(IndexError):
        _encoded(item | {"sources": [0, 7], "positions_mm": [0.0, 1.0]}, 2)


@pytest.mark.slow
def test_two_workers_set_the_same_aside_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.examine.SMALL_BYTES", 0)
    write_good(tmp_path / "scans")
    for number, deed in enumerate(["segfault", "panic", "spin", "leave", "memory"] * 3):
        stage = ("recognise", "describe", "load")[number % 3]
        (tmp_path / "scans" / f"{number}-{deed}").write_text(f"BAD {stage} {deed}")
    one = take(tmp_path / "scans", tmp_path / "one", workers=1)
    two = take(tmp_path / "scans", tmp_path / "two", workers=2)
    assert one.digest == two.digest
    assert one.provenance["set_aside"] == two.provenance["set_aside"]
    assert one.provenance["set_aside"]["files"] == {"unreadable": 9, "too-slow": 3, "too-large": 3}


@pytest.mark.slow
def test_the_summary_counts_the_unreadable_by_what_was_raised(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_good(tmp_path / "scans")
    for number, deed in enumerate(["panic", "panic", "abort"]):
        (tmp_path / "scans" / str(number)).write_text(f"BAD describe {deed}")
    take(tmp_path / "scans", tmp_path / "store", progress=True)
    said = capfd.readouterr()
    assert "set aside: 3 files unreadable" in said.err
    assert ": 2 Panic, 1 SIGABRT)" in said.err
    assert "KANARIE" not in said.err + said.out


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"file_seconds": 0}, "--file-seconds"),
        ({"file_seconds": float("nan")}, "--file-seconds"),
        ({"file_memory": "4 apples"}, "--file-memory"),
        ({"file_memory": "1MB"}, "--file-memory"),
        ({"file_memory": "-4GB"}, "--file-memory"),
        ({"file_memory": "\u0664GB"}, "--file-memory"),
    ],
)
def test_a_bound_that_is_none_is_refused(tmp_path: Path, options: dict[str, object], key: str) -> None:
    with pytest.raises(UserError, match=key):
        take(tmp_path, tmp_path / "store", **options)


def test_whoever_raises_a_bound_gets_the_file_that_it_set_aside(tmp_path: Path) -> None:
    """An interrupted ingest goes on with what it had done, but not with what its bounds had cost it."""
    write_good(tmp_path / "scans")
    work = tmp_path / ".store.ingest"
    work.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medattngan.stages.ingest.ingest._join", lambda *rest: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take(tmp_path / "scans", tmp_path / "store")
        first = (work / "work.json").read_bytes()
        with pytest.raises(ZeroDivisionError):
            take(tmp_path / "scans", tmp_path / "store", file_seconds=2.0)
    assert (work / "work.json").read_bytes() != first


INTERRUPTED = """
import sys
from medattngan.cli.app import main
sys.argv = ["medattngan", "ingest", sys.argv[1], "--out", sys.argv[2], "--file-seconds", "500", "--size", "16"]
main()
"""


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("deed", ["spin", "hang"])
def test_an_end_from_without_ends_a_worker_that_hangs(tmp_path: Path, sent: signal.Signals, deed: str) -> None:
    if deed == "hang" and sent != signal.SIGINT:
        pytest.skip("a reader that holds the interpreter's lock in C cannot see that its parent was killed")
    write_good(tmp_path / "scans")
    (tmp_path / "scans" / "0").write_text(f"BAD load {deed}")
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "scans"), str(tmp_path / "store")]
    paths = os.pathsep.join([str(tmp_path / "site"), *sys.path])
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.PIPE) as process:
        while not (tmp_path / ".store.ingest" / "work.json").exists() or not children(process.pid):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(2)
        workers = children(process.pid)
        process.send_signal(sent)
        said = process.communicate(timeout=10)[1].decode()
    assert "Traceback" not in said
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (tmp_path / ".store.ingest").is_dir()
    assert not (tmp_path / "store").exists()

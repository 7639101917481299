"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from medattngan.data.store import SliceStore

# Before any test draws a figure: there is no screen on a build machine.
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_configure(config: pytest.Config) -> None:
    """Set up each process that runs tests. All wait for the one that hands them out, which so imports nothing large."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        return
    import torch
    from hypothesis import settings

    torch.set_num_threads(1)
    # On a busy machine an example takes ten times as long as alone, which is no fault of what is tested.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Cache and salt lie in a temporary folder, never in the user's own."""
    folder = tmp_path_factory.mktemp("private")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDATTNGAN_CACHE", str(folder / "cache"))
        patch.setenv("MEDATTNGAN_SALT_FILE", str(folder / "salt"))
        yield folder


@pytest.fixture(autouse=True)
def salt(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The salt file that this test's ingests read: always the same, and no other test's."""
    path = tmp_path_factory.mktemp("salt") / "salt"
    path.write_bytes(bytes(range(32)))
    monkeypatch.setenv("MEDATTNGAN_SALT_FILE", str(path))
    return path


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    """72 MR slices of blobs, shared by all tests: read it, do not write to its folder."""
    from helpers.tiny_store import write_tiny_store

    return write_tiny_store(tmp_path_factory.mktemp("tiny-store"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of every kind, shared by all tests of all processes: read it, harm only copies."""
    from helpers.folders import make_folders  # here, as it imports every verb
    from helpers.tiny_store import write_tiny_store

    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ and sys.platform != "win32":
        root = root.parent
    folder, done = root / "made", root / "made.done"
    with one_process(root / "made.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "store").mkdir(parents=True)
            make_folders(write_tiny_store(folder / "store"), folder)
            done.touch()
    return folder


@contextmanager
def one_process(lock: Path) -> Iterator[None]:
    """Wait until no other process is within this."""
    with lock.open("w") as held:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX)
        yield

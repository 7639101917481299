"""How threads wait is settled before PyTorch is loaded, and never against the user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medattngan.core.openmp import CHOSEN, COUNTING, SPIN_TURNS, WAITING, allowed_cores, settle, share, told

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only GNU's OpenMP is set")


def seen_by(code: str, **given: str) -> str:
    """What a fresh process prints that nobody has set OpenMP for, but `given`."""
    clean = {name: value for name, value in os.environ.items() if name not in (*WAITING, *COUNTING, CHOSEN)}
    return subprocess.check_output([sys.executable, "-c", code], env=clean | given, text=True).strip()


@linux
def test_importing_the_package_settles_it_before_pytorch_is_there() -> None:
    code = "import sys, os, medattngan; print('torch' in sys.modules, os.environ.get('GOMP_SPINCOUNT'))"
    assert seen_by(code) == f"False {SPIN_TURNS}"


@linux
@pytest.mark.parametrize("name", WAITING)
def test_whatever_the_user_set_about_waiting_stays_the_only_setting(name: str) -> None:
    wishes = {name: "x", "OMP_NUM_THREADS": "3"}
    settle(wishes, cores=1)
    assert wishes == {name: "x", "OMP_NUM_THREADS": "3"}


@linux
def test_where_pytorch_is_loaded_already_nothing_is_done() -> None:
    code = (
        "import sys, types, os; sys.modules['torch'] = types.ModuleType('torch'); import medattngan; "
        "print('GOMP_SPINCOUNT' in os.environ)"
    )
    assert seen_by(code) == "False"


def test_what_is_chosen_is_told_apart_from_what_was_given() -> None:
    wishes = {"OMP_NUM_THREADS": "3"}
    settle(wishes, cores=1)
    assert told(wishes) == {"GOMP_SPINCOUNT": f"{SPIN_TURNS} (chosen)", "OMP_NUM_THREADS": "3 (given)"}


def test_a_second_import_chooses_the_same() -> None:
    wishes: dict[str, str] = {}
    settle(wishes, cores=2)
    once = dict(wishes)
    settle(wishes, cores=2)
    assert wishes == once


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine of eight cores on which nobody has said anything."""
    for name in (*COUNTING, CHOSEN):
        monkeypatch.setenv(name, "")  # so that what is set here is taken back
        monkeypatch.delenv(name)
    monkeypatch.setattr("medattngan.core.openmp._visible", lambda: 8)
    return monkeypatch


def test_processes_share_the_cores_and_their_children_do_not_share_them_again(
    eight_cores: pytest.MonkeyPatch,
) -> None:
    assert share(4) == 2
    assert share(4) == 2  # as a child finds it, which the same code runs in
    assert told()["OMP_NUM_THREADS"] == "2 (chosen)"


def test_processes_share_what_a_container_is_given(eight_cores: pytest.MonkeyPatch) -> None:
    eight_cores.setattr("medattngan.core.openmp.allowed_cores", lambda: 4)
    assert share(2) == 2
    assert share(8) == 1


def test_processes_keep_the_threads_that_the_user_gave_each(eight_cores: pytest.MonkeyPatch) -> None:
    eight_cores.setenv("OMP_NUM_THREADS", "3")
    assert share(2) is None
    assert os.environ["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("text", "cores"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("800000 100000", None)],
)
def test_a_container_gets_as_many_threads_as_it_has_cores_worth_of_time(
    tmp_path: Path, text: str, cores: int | None
) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert allowed_cores(tmp_path, visible=8) == cores


@pytest.mark.parametrize(("quota", "cores"), [("300000", 3), ("-1", None)])
def test_the_older_limit_of_containers_counts_too(tmp_path: Path, quota: str, cores: int | None) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert allowed_cores(tmp_path, visible=8) == cores


def test_without_a_limit_that_can_be_read_there_is_none(tmp_path: Path) -> None:
    assert allowed_cores(tmp_path, visible=8) is None
    (tmp_path / "cpu.max").write_text("what\n")
    assert allowed_cores(tmp_path, visible=8) is None

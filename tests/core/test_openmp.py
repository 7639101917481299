"""How threads wait is settled before PyTorch is loaded, and never against the user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medattngan.core.openmp import CHOSEN, COUNTING, WAITING, allowed_cores, look, settle, share, told

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only GNU's OpenMP is set")


def seen_by(code: str, **given: str) -> str:
    """What a fresh process prints that nobody has set OpenMP for, but `given`."""
    clean = {name: value for name, value in os.environ.items() if name not in (*WAITING, *COUNTING, CHOSEN)}
    return subprocess.check_output([sys.executable, "-c", code], env=clean | given, text=True).strip()


class Machine:
    """A `/proc/stat` whose cores have been in use for a share of the time since it was last read."""

    def __init__(self, *shares: float) -> None:
        self.shares, self.reads = shares, 0

    def read_text(self) -> str:
        self.reads += 1
        lines = ["cpu  1 2 3 4 5 6 7 8 9 10", "intr 1 2"]
        for core, part in enumerate(self.shares):
            used = round(self.reads * 100 * part)
            lines.append(f"cpu{core} {used} 0 0 {self.reads * 100 - used} 0 0 0 0 0 0")
        return "\n".join(lines)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process that may run on cores 0 and 1, and has no time to lose."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr("medattngan.core.openmp.GLANCE_S", 0.0)
    return monkeypatch


def waits_on(machine: Machine, **given: str) -> dict[str, str]:
    wishes = dict(given)
    look(wishes, stat=machine)  # type: ignore[arg-type]
    return wishes


def test_threads_sleep_beside_a_program_that_never_rests_and_spin_where_they_are_alone(
    two_cores: pytest.MonkeyPatch,
) -> None:
    assert waits_on(Machine(0.9, 0.1)) == {"OMP_WAIT_POLICY": "passive", CHOSEN: "OMP_WAIT_POLICY"}
    assert waits_on(Machine(0.1, 0.1)) == {}


def test_a_quiet_machine_is_looked_at_once(two_cores: pytest.MonkeyPatch) -> None:
    machine = Machine(0.0, 0.0)
    waits_on(machine)
    assert machine.reads == 2  # a glance has a beginning and an end


def test_cores_that_this_process_may_not_use_are_no_concern_of_it(two_cores: pytest.MonkeyPatch) -> None:
    assert waits_on(Machine(0.0, 0.0, 1.0, 1.0)) == {}


@pytest.mark.parametrize("given", [{"OMP_NUM_THREADS": "1"}, *({name: "x"} for name in WAITING)])
def test_one_thread_waits_for_nobody_and_what_the_user_set_stays(
    two_cores: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    machine = Machine(1.0, 1.0)
    assert waits_on(machine, **given) == given
    assert machine.reads == 0


def test_a_kernel_that_does_not_say_is_left_alone(tmp_path: Path) -> None:
    wishes: dict[str, str] = {}
    look(wishes, stat=tmp_path / "none")
    assert wishes == {}


@linux
def test_a_verb_that_computes_looks_before_pytorch_is_there_and_others_do_not() -> None:
    code = (
        "import sys, types, medattngan; seen = []; "
        "medattngan.look = lambda: seen.append('torch' in sys.modules); "
        "medattngan.import_module = lambda name: types.SimpleNamespace(configs=1, sample=2); "
        "print(medattngan.configs, len(seen), medattngan.sample, seen)"
    )
    assert seen_by(code) == "1 0 2 [False]"


@linux
def test_where_pytorch_is_loaded_already_nothing_is_done() -> None:
    code = (
        "import sys, types, os; sys.modules['torch'] = types.ModuleType('torch'); import medattngan; "
        "from medattngan.core import openmp; openmp._cores_in_use = lambda stat: 2.0; openmp.look(); "
        "print('OMP_WAIT_POLICY' in os.environ)"
    )
    assert seen_by(code, OMP_NUM_THREADS="2") == "False"


def test_what_is_chosen_is_told_apart_from_what_was_given(two_cores: pytest.MonkeyPatch) -> None:
    wishes = waits_on(Machine(1.0, 0.0), OMP_NUM_THREADS="3")
    assert told(wishes) == {"OMP_WAIT_POLICY": "passive (chosen)", "OMP_NUM_THREADS": "3 (given)"}


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

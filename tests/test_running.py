"""Ctrl+C, another process at the same --out, the lock of a killed one: one sentence, and nothing is half made."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from helpers.forked import Forked, command
from helpers.outcomes import left_in
from helpers.verbs import WRITING, call, make_small
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.cli.running import ending_well, governed
from medattngan.core.files import atomic_folder
from medattngan.core.locks import only_writer

PARTS = {
    "ingest": ["scanning files", "preparing series"],
    "train": ["training"],
    "sample": ["sampling slices"],
    "encoder": ["training the encoder, step"],
    "evaluate": ["features of slices, radiomics-2d", "scoring"],
    "audit": ["searching slices"],
    "export": ["writing slices"],
}
"""What a verb is told to be at."""
COUNTED = re.compile(r"(\D.*?) (\d+) of (\d+)(?:  \d+:\d\d:\d\d left)?")
"""A line on a part of a verb that is counted."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("verb", PARTS)
def test_a_log_sees_each_part_of_a_verb_end_and_stdout_the_result_alone(made: Path, tmp_path: Path, verb: str) -> None:
    arguments = [str(argument) for argument in call(verb, made, tmp_path / "out")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stderr
    lines = result.stderr.splitlines()
    told = {match[1]: (match[2], match[3]) for line in lines if (match := COUNTED.fullmatch(line))}
    if verb == "train":
        assert any(line.startswith("training 100 %") for line in lines), result.stderr
    else:
        assert list(told) == PARTS[verb], result.stderr
    assert all(done == total for done, total in told.values())
    assert result.stdout.splitlines()[-1] == str(tmp_path / "out")
    if verb not in ("evaluate", "audit"):  # whose findings are their result
        assert result.stdout == f"{tmp_path / 'out'}\n"
    assert not any(part in result.stdout for part in PARTS[verb])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status", "word"), [(2, 130, "Interrupted"), (15, 143, "Terminated")])
@pytest.mark.parametrize("verb", WRITING)
def test_a_verb_that_is_interrupted_says_how_to_go_on(
    made: Path, tmp_path: Path, verb: str, number: int, status: int, word: str
) -> None:
    for attempt in range(8):  # on a busy machine a verb may be done before the signal comes
        process = Forked(*call(verb, made, tmp_path / "out"))
        while process.running() and not list(tmp_path.glob(".out.lock")):
            time.sleep(0.001)
        time.sleep(0.02 / 2**attempt)
        process.signal(number)
        ended = process.wait()
        if ended.status != 0:
            break
        shutil.rmtree(tmp_path / "out") if (tmp_path / "out").is_dir() else (tmp_path / "out").unlink()
    assert ended.status == status, ended.said
    assert "Traceback" not in ended.said
    cures = {
        "train": "with --resume to go on",
        "ingest": "to go on; finished work is kept",
        "utility": "to go on; finished work is kept",
        "demo": "remove its --out and run the same command again",
    }
    last = ended.said.strip().splitlines()[-1]
    assert last.startswith(f"medattngan: {word}; ")
    assert cures.get(verb, "nothing was written; run the same command again") in last
    assert [name for name in left_in(tmp_path) if name.startswith(".")] == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_that_a_library_takes_for_its_own_error_is_one_all_the_same(
    number: signal.Signals, status: int
) -> None:
    def sample() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(60)
        except KeyboardInterrupt:
            raise ValueError("could not determine the shape") from None

    process = os.fork()
    if process == 0:
        try:
            with ending_well():
                governed(sample)()
        except SystemExit as ended:
            os._exit(int(ended.code or 0))
        finally:
            os._exit(70)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == status


def test_an_error_without_an_interruption_stays_an_error() -> None:
    def sample() -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        governed(sample)()


def test_two_processes_do_not_write_to_one_out(made: Path, tmp_path: Path) -> None:
    for verb in WRITING:
        with only_writer(tmp_path / "out"):
            ended = command(*call(verb, made, tmp_path / "out"))
        assert ended.status == 2
        assert f"another process is writing to {tmp_path / 'out'}; wait until it has finished" in ended.said
    assert left_in(tmp_path) == []


def test_the_lock_of_a_killed_process_keeps_nobody_out_and_its_leftovers_are_swept(made: Path, tmp_path: Path) -> None:
    process = Forked(*call("sample", made, tmp_path / "out"))
    while process.running() and not list(tmp_path.glob(".out.lock")):
        time.sleep(0.001)
    process.signal(signal.SIGKILL)
    assert process.wait().status == -signal.SIGKILL
    (tmp_path / ".out.123.part").mkdir()
    (tmp_path / ".out.124.part").write_text("x")
    (tmp_path / ".another.123.part").write_text("of a process that lives")
    ended = command(*call("sample", made, tmp_path / "out"))
    assert ended.status == 0, ended.said
    assert left_in(tmp_path) == [".another.123.part", "out"]


def test_parents_made_for_a_lock_go_when_nothing_came_of_it(made: Path, tmp_path: Path) -> None:
    ended = command("sample", made / "run", "--count", -1, "--out", tmp_path / "deep" / "er" / "out")
    assert ended.status == 2
    assert left_in(tmp_path) == []


def test_a_second_interruption_ends_a_process_at_once(tmp_path: Path) -> None:
    process = os.fork()
    if process == 0:
        try:
            with ending_well():
                try:
                    (tmp_path / "ready").touch()
                    time.sleep(60)
                finally:
                    (tmp_path / "tidying").touch()
                    time.sleep(60)
        finally:
            os._exit(70)
    for name in ("ready", "tidying"):
        while not (tmp_path / name).exists():
            time.sleep(0.001)
        os.kill(process, signal.SIGINT)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130


def test_a_lock_sweeps_nothing_of_a_neighbour_with_a_longer_name(tmp_path: Path) -> None:
    with only_writer(tmp_path / "study.v2"), atomic_folder(tmp_path / "study.v2") as folder:
        (folder / "a").write_text("hours of work")
        with only_writer(tmp_path / "study"):
            pass
        assert (folder / "a").is_file()

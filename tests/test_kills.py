"""A verb that is killed (SIGKILL) at any moment leaves nothing or all, and is done again to the same bytes."""

from __future__ import annotations

import functools
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.forked import Forked, command
from helpers.outcomes import RESUMED, contents, left_in, require_whole_steps
from helpers.verbs import WRITING, call, make_small

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="forks")]
PARTS = 5
MOMENTS = 4
"""Of each part: twenty in all, in parts that two processes can share."""

Undisturbed = Callable[[str], tuple[dict[str, str], float]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@pytest.fixture(scope="module")
def undisturbed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What a verb writes where nothing happens to it, and how many seconds that takes."""

    @functools.cache
    def whole(verb: str) -> tuple[dict[str, str], float]:
        out, began = tmp_path_factory.mktemp("whole") / "out", time.monotonic()
        ended = command(*call(verb, made, out))
        assert ended.status == 0, ended.said
        return contents(out), time.monotonic() - began

    return whole


def kill(verb: str, made: Path, out: Path, after: float) -> None:
    """Start a verb, and kill it after so many seconds."""
    process = Forked(*call(verb, made, out))
    time.sleep(after)
    process.signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("verb", [verb for verb in WRITING if verb != "demo"])
def test_a_verb_killed_at_any_moment_leaves_nothing_or_all_and_is_done_again_to_the_same_bytes(
    made: Path, undisturbed: Undisturbed, tmp_path: Path, verb: str, part: int
) -> None:
    wanted, lasts = undisturbed(verb)
    draw = random.Random(part)
    for attempt in range(MOMENTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        kill(verb, made, folder / "out", after=draw.uniform(0, lasts))
        if (folder / "out").exists() and verb not in RESUMED:
            assert contents(folder / "out") == wanted, f"attempt {attempt} left half a result"
            shutil.rmtree(folder / "out") if (folder / "out").is_dir() else (folder / "out").unlink()
        ended = command(*call(verb, made, folder / "out"))
        assert ended.status == 0, f"attempt {attempt}: {ended.said}"
        assert contents(folder / "out") == wanted
        assert left_in(folder) == ["out"]
        assert not list(folder.glob(".out.ingest"))
        shutil.rmtree(folder)


@pytest.mark.parametrize("part", [0])  # every verb of it is killed at 20 moments above; this is the chain
def test_a_demo_killed_at_any_moment_leaves_whole_steps_and_says_what_to_remove(
    made: Path, undisturbed: Undisturbed, tmp_path: Path, part: int
) -> None:
    _, lasts = undisturbed("demo")
    draw = random.Random(part)
    for attempt in range(MOMENTS):
        out = tmp_path / str(attempt) / "out"
        out.parent.mkdir()
        kill("demo", made, out, after=draw.uniform(0, lasts))
        require_whole_steps(out)
        if out.exists() and any(out.iterdir()):
            again = command(*call("demo", made, out))
            assert again.status == 2, again.said
            assert f"{out} exists already; give another --out or remove it first." in again.said
        shutil.rmtree(out.parent)
    ended = command(*call("demo", made, tmp_path / "out"))
    assert ended.status == 0, ended.said
    assert left_in(tmp_path) == ["out"]

"""A full disk ends every verb with one sentence that says where room is lacking, and nothing is half made or lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.forked import Ended, command
from helpers.outcomes import RESUMED, left_in, require_whole_steps
from helpers.small_disk import small_disk
from helpers.verbs import WRITING, call, make_small

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="forks")]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def require_a_sentence_and_nothing_half_made(verb: str, ended: Ended, folder: Path) -> None:
    """What every full disk must come to, besides status 2."""
    assert "Traceback" not in ended.said
    last = ended.said.strip().splitlines()[-1]
    assert last.startswith("medattngan: ")
    assert "free some space" in last or "more room" in last
    assert str(folder) in last
    out = folder / "out"
    if verb == "evaluate":
        assert "frd[radiomics-2d]" in ended.said, "the finished scores are lost"
        assert not out.exists() or (out / "scores.json").is_file()
    elif verb == "demo":
        require_whole_steps(out)
    elif verb not in RESUMED:
        assert left_in(folder) == []


@pytest.mark.parametrize("room", [0, 300, 3_000, 20_000])
@pytest.mark.parametrize("verb", WRITING)
def test_where_no_file_may_grow_one_sentence_says_so(made: Path, tmp_path: Path, verb: str, room: int) -> None:
    ended = command(*call(verb, made, tmp_path / "out"), room=room)
    if ended.status == 0:
        assert room > 300, "the limit was not reached"
        return
    assert ended.status == 2, ended.said
    require_a_sentence_and_nothing_half_made(verb, ended, tmp_path)
    if verb == "demo":
        return  # that it works where there is room is for tests/stages/demo
    again = command(*call(verb, made, tmp_path / ("out" if verb in RESUMED else "again")))
    assert again.status == 0, again.said


@pytest.fixture(scope="module")
def taken(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Bytes that each verb leaves on a disk with room."""
    known: dict[str, int] = {}
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        for verb in WRITING:
            out = tmp_path_factory.mktemp("taken") / "out"
            assert command(*call(verb, made, out)).status == 0
            files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
            known[verb] = sum(path.stat().st_size for path in files)
    return known


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("verb", WRITING)
def test_a_disk_that_holds_a_share_of_what_a_verb_writes_ends_it_well(
    made: Path, taken: dict[str, int], tmp_path: Path, verb: str, share: float
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, int(share * taken[verb])):
        ended = command(*call(verb, made, disk / "out"))
        assert ended.status == 2, ended.said
        require_a_sentence_and_nothing_half_made(verb, ended, disk)

"""What a log file sees of a long work: a line now and then, never the control characters of a bar."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from medattngan.core import progress
from medattngan.core.progress import ProgressLine, watching


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which a test moves on."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    text = capsys.readouterr().err
    assert "\x1b" not in text
    return text.splitlines()


def test_a_log_file_gets_a_line_now_and_then_and_the_last(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine("training", every=10) as line:
        for second in range(21):
            clock[0] = 100.0 + second
            line.update(second / 40, "54 images/s")
        line.update(1.0, "done")
    assert lines(capsys) == [
        "training 0 %  54 images/s",
        "training 25 %  54 images/s  0:00:30 left",
        "training 50 %  54 images/s  0:00:20 left",
        "training 100 %  done",
    ]


def test_what_was_done_before_a_resume_does_not_count_for_the_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine("training", every=10) as line:
        line.update(0.8)
        clock[0] += 10
        line.update(0.9)
    assert lines(capsys)[-1] == "training 90 %  0:00:10 left"


def test_nobody_is_told_where_nobody_asked(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine("training", shown=False) as line:
        line.update(0.5)
        line.say("half")
    assert lines(capsys) == []


def test_text_is_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine("training") as line:
        line.say("[red]label[/b]")
    assert lines(capsys) == ["[red]label[/b]"]


def test_the_parts_of_a_work_are_counted_and_each_comes_to_its_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with watching(every=10) as watch:
        for name in ("features", "scoring"):
            advance = watch(name, 40)
            for _ in range(10):
                advance(4)
                clock[0] += 4
    assert lines(capsys) == [
        "features 4 of 40",
        "features 16 of 40  0:00:24 left",
        "features 28 of 40  0:00:12 left",
        "features 40 of 40",
        "scoring 12 of 40  0:00:28 left",
        "scoring 24 of 40  0:00:16 left",
        "scoring 36 of 40  0:00:04 left",
        "scoring 40 of 40",
    ]


def test_a_terminal_gets_a_bar_that_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "terminal", lambda quiet=False: console)
    with watching() as watch:
        advance = watch("features", 3)
        advance(1)
        advance(2)
    assert "3/3" in screen.getvalue()
    assert "━" in screen.getvalue()


def test_a_work_that_nobody_watches_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(shown=False) as watch:
        watch("features", 1)(1)
    assert lines(capsys) == []

"""What a log file sees of a long work: a line now and then, never the control characters of a bar."""

from __future__ import annotations

import pytest

from medattngan.core import progress
from medattngan.core.progress import ProgressLine


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

"""Every command of the pages is one that the command line takes, as far as names go; none of them is run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from medattngan.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
USAGE_ERROR: Any = typer.BadParameter.__base__
"""What click, or the copy of it inside typer, raises."""
HOSPITAL = "docs/how-to/hospital.md"


def commands(page: str, section: str | None = None) -> list[list[str]]:
    """The words after `medattngan` of each command in fenced blocks of the page, or of one section; no comments."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if section is not None:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = []
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for step in line.split(" && "):
                words = shlex.split(step, comments=True)
                if words and Path(words[0]).name == "medattngan":
                    found.append(words[1:])
    return found


def parse(words: list[str]) -> None:
    """Parse as the command line does, down to the command, which is not run.

    Raises:
        USAGE_ERROR: a command or an option is not there, or one is missing.
    """
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *words = words
        if name not in command.commands:
            raise typer.BadParameter(f"no such command: {name}")
        command = command.commands[name]
    command.make_context(command.name, words)


PAGES_WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_the_command_line_takes_every_command_of_a_page(page: str) -> None:
    refused = []
    for words in commands(page):
        try:
            parse(words)
        except USAGE_ERROR as error:
            refused.append(f"medattngan {shlex.join(words)}: {error.format_message()}")
    assert refused == []


def test_the_pages_of_tasks_and_the_readme_have_commands_to_check() -> None:
    assert {"README.md", "docs/how-to/ingest.md", "docs/how-to/review.md", HOSPITAL} <= set(PAGES_WITH_COMMANDS)


@pytest.mark.parametrize(
    "line",
    ["ingest SCANS --out store --screened mask", "sampel run --count 3 --out s", "review create samples --out study"],
)
def test_a_command_with_a_wrong_or_missing_name_is_found_out(line: str) -> None:
    with pytest.raises(USAGE_ERROR):
        parse(shlex.split(line))


def test_a_reader_study_takes_ten_commands() -> None:
    verbs = [" ".join(words[: 2 if words[0] == "review" else 1]) for words in commands(HOSPITAL, "The ten commands")]
    assert verbs[:3] == ["ingest", "train", "sample"]
    assert verbs[-1] == "review stats"
    assert len(verbs) == 10

"""The help: grouped, with two examples that the command line takes, short options, and completion by the shell."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import medattngan as mg
from medattngan.cli.app import GROUPS, app
from medattngan.cli.examples import EXAMPLES


def every_command(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """`medattngan` itself, and each group and command below it, by the words that name it."""
    command = command or typer.main.get_command(app)
    yield " ".join(words), command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, (*words, name))


COMMANDS = dict(every_command())


def shown(*words: str) -> str:
    """What `medattngan WORDS` prints."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def completed(*words: str) -> list[str]:
    """What Bash is offered in place of the last of WORDS."""
    line = " ".join(("medattngan", *words))
    asked = {"_MEDATTNGAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    code = "import sys; sys.argv[0] = 'medattngan'; from medattngan.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_every_command_has_two_examples_and_no_others_are_kept() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(len(set(pair)) == 2 for pair in EXAMPLES.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_two_examples_in_eighty_columns(name: str) -> None:
    for asking in ("-h", "--help"):
        lines = shown(*name.split(), asking).rstrip().splitlines()
        assert [line.strip() for line in lines[-3:]] == ["Examples:", *EXAMPLES[name]]
        assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_command_line_takes_every_example_and_it_is_of_that_command(name: str) -> None:
    for example in EXAMPLES[name]:
        program, *words = shlex.split(example.partition(" | ")[0])
        assert program == "medattngan"
        verb = max((other for other in COMMANDS if words[: len(other.split())] == other.split()), key=len)
        assert verb.startswith(name)
        COMMANDS[verb].make_context(verb, words[len(verb.split()) :])


def test_commands_stand_under_the_heading_of_their_group() -> None:
    heading, under = "", {}
    for line in shown("--help").splitlines():
        if line.endswith(":") and not line.startswith(" "):
            heading = line.removesuffix(":")
        elif line[:2] == "  " and line[2:3].isalpha():
            under[line.split()[0]] = heading
    expected = {verb.__name__.replace("_", "-"): group for group, verbs in GROUPS.items() for verb in verbs}
    assert {name: under.get(name) for name in expected} == expected
    assert under["review"] == "Judge"


@pytest.mark.parametrize(("long", "short"), [("--out", "-o"), ("--count", "-n"), ("--version", "-V")])
def test_a_short_option_means_the_same_everywhere(long: str, short: str) -> None:
    spellings = [{*option.opts} for command in COMMANDS.values() for option in command.params]
    having = [names for names in spellings if names & {long, short}]
    assert having
    assert all({long, short} <= names for names in having)


def test_the_short_version_is_the_version() -> None:
    assert shown("-V") == shown("--version") == f"medattngan {mg.__version__}\n"


def test_set_overrides_configurations_and_nothing_else() -> None:
    told = {
        name: option.help for name, command in COMMANDS.items() for option in command.params if "--set" in option.opts
    }
    assert set(told) == {"train", "utility"}
    assert len(set(told.values())) == 1
    conditioned = {name for name, command in COMMANDS.items() for o in command.params if "--condition" in o.opts}
    assert conditioned == {"sample", "explain", "explore", "reconstruct"}


@pytest.mark.slow
def test_the_shell_completes_verbs_options_and_names_of_configurations() -> None:
    assert completed("eval") == ["evaluate"]
    assert completed("train", "compact") == [name for name in mg.configs() if name.startswith("compact")]
    assert "--condition" in completed("sample", "run", "--con")

"""How `--help` is laid out: commands under the headings of their groups, and two examples at the end. Plain text, so
that it reads the same in a terminal, in a file and through a pipe."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from medattngan.cli.examples import EXAMPLES

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class GroupedCommands(TyperGroup):
    """A group whose help lists its commands under the heading (`rich_help_panel`) that each was given."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section a heading, in the order in which the headings first come."""
        sections: dict[str, list[tuple[str, str]]] = {}
        names = self.list_commands(ctx)
        width = max(map(len, names))
        for name in names:
            command: Any = self.get_command(ctx, name)
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            sections.setdefault(heading, []).append((name.ljust(width), command.get_short_help_str(limit=200)))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def epilog(command: str) -> str:
    r"""The end of a command's help.

    >>> epilog("demo").splitlines()[:2]
    ['\x08', 'Examples:']
    """
    # The backspace is click's mark for a paragraph whose lines are to stay as they are.
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in EXAMPLES[command])])

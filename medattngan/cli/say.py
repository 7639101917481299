"""What the verbs print beside the path of what they wrote: it may hold text from files."""

from __future__ import annotations

import typer

from medattngan.core.text import shown


def say(text: object, err: bool = False) -> None:
    """Print lines; characters that would move the cursor or change colours are written out."""
    typer.echo(shown(text, keep="\n"), err=err)

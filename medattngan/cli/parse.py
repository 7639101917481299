"""The text of an option → its value. What cannot be read raises UserError, with the form that can."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from medattngan.core.files import UserError


def shares(text: str) -> tuple[float, float, float]:
    """`TRAIN,VAL,TEST` as three numbers."""
    try:
        train, val, test = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--split {text!r} must be three shares such as 0.8,0.1,0.1.") from None
    return train, val, test


def pair(text: str | None, option: str) -> tuple[float, float] | None:
    """`A,B` as two numbers."""
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{option} {text!r} is not two numbers; write them as 40,400.") from None
    return first, second


def rows(text: str | None) -> tuple[int, int] | None:
    """`ROW,ROW` of `--between`."""
    if text is None:
        return None
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--between {text!r} must be two rows of the latents, such as 0,40.") from None
    return first, second


def point(text: str) -> tuple[int, int]:
    """`ROW,COLUMN`."""
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--point {text!r} must be a row and a column in pixels, such as 32,20.") from None
    return row, column


def counts(text: str, option: str) -> list[int]:
    """`A,B,C` as whole numbers above 0."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise UserError(f"{option} {text!r} is not a list of whole numbers above 0; write them as 10,25,50.")
    return numbers


def condition_values(texts: list[str], caption: str | None = None) -> dict[str, str]:
    """`NAME=VALUE` …, each name once, and a caption as `text`; what a value is, the condition says."""
    values: dict[str, str] = {} if caption is None else {"text": caption}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            raise UserError(f"--condition {text!r} must be a name and a value, as in position_mm=20.")
        if values.setdefault(name, value) != value:
            raise UserError(f"--condition gives {name} two values; give one.")
    return values


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """A parser that takes one of the keys of a table, and names them all where it is given another.

    >>> one_of(["axial", "sagittal"])("axial")
    'axial'
    """

    def choice(text: str) -> str:
        if text not in choices:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}.")
        return text

    return choice

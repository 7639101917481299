"""The command line: parse, call one verb, print the path of what it wrote. This file says which verbs there are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from medattngan.cli import data, deliver, judge, model, review
from medattngan.core.files import UserError
from medattngan.core.terminal import hush_readers, prepare_streams, say, terminal
from medattngan.core.version import __version__

VERBS: tuple[Callable[..., None], ...] = (
    data.ingest,
    data.inspect,
    model.train,
    model.sample,
    model.explain,
    judge.evaluate,
    deliver.export,
    judge.utility,
    model.encoder,
    judge.audit,
    deliver.push,
    judge.report,
    deliver.demo,
)
"""The verbs, in the order of `--help`; the name of each function is the verb."""

REVIEW_VERBS: tuple[Callable[..., None], ...] = (
    review.create,
    review.serve,
    review.status,
    review.link,
    review.close,
    review.stats,
    review.plan,
)


def build_app() -> typer.Typer:
    """The whole command line, with `review` as a group of its own."""
    built = typer.Typer(
        name="medattngan",
        help="Train an attention-GAN on slices of your own scans, judge it, and export DICOM for review.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    built.callback()(root)
    for verb in VERBS:
        built.command()(verb)
    group = typer.Typer(
        name="review",
        help="A blinded reader study: can people tell the synthetic slices from the real ones?",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for verb in REVIEW_VERBS:
        group.command()(verb)
    built.add_typer(group)
    return built


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medattngan {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Verbs read one folder and write the next: ingest, train, sample, audit, evaluate, export, push, review."""


app = build_app()


def main() -> None:
    """Run the command line; a UserError becomes one sentence and exit status 2."""
    prepare_streams()
    hush_readers()
    try:
        app()
    except UserError as error:
        say(terminal(), f"medattngan: {error}", style="red")
        sys.exit(2)
    except OSError as error:
        if error.filename is None:
            raise
        reason = f"{error.filename}: {error.strerror}; check that it exists, has room, and may be written."
        say(terminal(), f"medattngan: {reason}", style="red")
        sys.exit(2)
    except KeyboardInterrupt:
        say(terminal(), "medattngan: interrupted", style="red")
        sys.exit(130)

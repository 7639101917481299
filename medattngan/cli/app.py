"""The command line: parse, call one verb, print the path of what it wrote. This file says which verbs there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from medattngan.cli import data, deliver, judge, model, review
from medattngan.cli.running import ending_well, governed
from medattngan.core.terminal import hush_readers, prepare_streams
from medattngan.core.version import __version__

VERBS: tuple[Callable[..., None], ...] = (
    data.ingest,
    data.inspect,
    data.reseal,
    model.configs,
    model.train,
    model.sample,
    model.explain,
    model.explore,
    judge.evaluate,
    deliver.export,
    deliver.export_model,
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
        built.command()(governed(verb))
    group = typer.Typer(
        name="review",
        help="A blinded reader study: can people tell the synthetic slices from the real ones?",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for verb in REVIEW_VERBS:
        group.command()(governed(verb))
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
    """Run the command line; what the user can mend becomes one sentence and an exit status (see `running`)."""
    prepare_streams()
    hush_readers()
    with ending_well():
        app()

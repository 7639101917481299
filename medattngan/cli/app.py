"""The command line: parse, call one verb, print the path of what it wrote. This file says which verbs there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from medattngan.cli import data, deliver, hybrid, judge, model, review
from medattngan.cli.help import HELP_OPTIONS, GroupedCommands, epilog
from medattngan.cli.running import ending_well, governed
from medattngan.core.terminal import hush_readers, prepare_streams
from medattngan.core.version import __version__

GROUPS: Mapping[str, tuple[Callable[..., None], ...]] = {
    "Try it": (deliver.demo,),
    "Data": (data.ingest, data.inspect, data.reseal),
    "Model": (model.configs, model.zoo, model.train, model.sample, model.explain, model.explore, model.encoder),
    "Real slices in a run": (hybrid.encode, hybrid.reconstruct, hybrid.anomalies),
    "Judge": (judge.evaluate, judge.audit, judge.utility, judge.report),
    "Deliver": (deliver.export, deliver.export_model, deliver.push),
}
"""The verbs under the headings of `--help`, in its order; the name of each function is the verb."""

VERBS = tuple(verb for verbs in GROUPS.values() for verb in verbs)

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
        cls=GroupedCommands,
        help="Train an attention-GAN on slices of your own scans, judge it, and export DICOM for review.",
        epilog=epilog(""),
        context_settings=HELP_OPTIONS,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    built.callback()(root)
    group = typer.Typer(
        name="review",
        help="A blinded reader study: can people tell the synthetic slices from the real ones?",
        epilog=epilog("review"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for verb in REVIEW_VERBS:
        group.command(epilog=epilog(f"review {verb.__name__}"))(governed(verb))
    for heading, verbs in GROUPS.items():
        for verb in verbs:
            name = verb.__name__.replace("_", "-")
            built.command(name, epilog=epilog(name), rich_help_panel=heading)(governed(verb))
    built.add_typer(group, rich_help_panel="Judge")
    return built


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medattngan {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
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

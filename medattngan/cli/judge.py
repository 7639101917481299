"""How good and how safe the slices are: evaluate, audit, utility, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from medattngan.cli import parse
from medattngan.cli.types import DataOption, OutOption, SamplesArgument, SettingsOption
from medattngan.core.files import read_json


def evaluate(
    samples: SamplesArgument,
    data: DataOption,
    out: OutOption,
    split: Annotated[str, typer.Option(help="Which real patients to compare with.")] = "test",
    extractor: Annotated[
        str,
        typer.Option(
            help="efficientnet-lite0; inception (needs the extra and --weights); the folder of an encoder; or the path "
            "of a TorchScript or ONNX file, PATH@SIZE if it needs another size than 224. TorchScript is code: load "
            "only files you trust."
        ),
    ] = "efficientnet-lite0",
    weights: Annotated[Path | None, typer.Option(help="The extractor's weights file, where it brings none.")] = None,
    seed: Annotated[int, typer.Option(help="Of subsets and bootstrap.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Use at most so many slices of each side.")] = None,
) -> None:
    """Score synthetic slices against real patients."""
    from medattngan.data.store import SliceStore
    from medattngan.stages.evaluate.evaluate import evaluate as run_evaluate

    scores = run_evaluate(
        samples,
        SliceStore.open(data),
        out,
        split=split,
        extractor=extractor,
        weights=weights,
        seed=seed,
        limit=limit,
    )
    for name, entry in scores.items():
        typer.echo(_score_line(name, entry))
        if found := entry.get("worst_stratum"):
            typer.echo(_score_line(f"  worst: {found['by']} {found['stratum']}", found))
    for name, reason in read_json(out / "provenance.json")["left_out"].items():
        typer.echo(f"not measured, {name}: {reason}", err=True)
    typer.echo(out)


def _score_line(name: str, entry: dict[str, Any]) -> str:
    low, high = entry["ci95"]
    return f"{name:32} {entry['value']:>10.4g}   95 % {low:.4g} to {high:.4g}   real {entry['floor']:.4g}"


def audit(
    samples: SamplesArgument,
    data: DataOption,
    out: OutOption,
    run: Annotated[Path | None, typer.Option(help="The run: does its discriminator know who took part?")] = None,
    encoder: Annotated[Path | None, typer.Option(help="From the verb encoder; without it, one is trained.")] = None,
    calibrate: Annotated[str, typer.Option(help="The held-out patients that set the threshold: val or test.")] = "val",
    false_positives: Annotated[
        float, typer.Option(help="Share of real slices of other patients that may be flagged.")
    ] = 0.01,
    planted: Annotated[int, typer.Option(help="Copies of each kind, planted to see whether they are found.")] = 400,
    limit: Annotated[int, typer.Option(help="Use at most so many slices of each held-out split.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
) -> None:
    """Look for copies of training patients among synthetic slices."""
    from medattngan.stages.audit.audit import audit as run_audit
    from medattngan.stages.audit.sentences import summary

    report = run_audit(
        samples, data, out, run=run, encoder=encoder, split=calibrate, false_positives=false_positives,
        planted=planted, limit=limit, seed=seed,
    )  # fmt: skip
    for sentence in summary(report):
        typer.echo(sentence)
    typer.echo(out)


def utility(
    config: Annotated[Path, typer.Argument(help="A configuration; train.minutes is spent on every GAN.")],
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Where to write; what stands there is gone on with.")],
    settings: SettingsOption = None,
    per_class: Annotated[str, typer.Option(help="Numbers of real images a class.")] = "10,25,50",
    seeds: Annotated[int, typer.Option(help="Draws of the real images, each with a GAN of its own.")] = 5,
    amounts: Annotated[str, typer.Option(help="Synthetic images for every real one.")] = "1,3,10",
    pretrain_minutes: Annotated[
        float, typer.Option(help="Also begin from a GAN trained so long on other patients without labels.")
    ] = 0.0,
) -> None:
    """Measure whether synthetic slices help a classifier that has few real ones."""
    from medattngan.core.config import Config
    from medattngan.stages.utility.utility import utility as run_utility

    run_utility(
        Config.load(config, settings or ()), data, out, per_class=parse.counts(per_class, "--per-class"), seeds=seeds,
        amounts=parse.counts(amounts, "--amounts"), pretrain_minutes=pretrain_minutes, say=typer.echo,
    )  # fmt: skip
    typer.echo(out)


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Runs, their samples, scores and audits, utility, reader statistics: in any order."),
    ],
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write; must not exist yet.")],
    title: Annotated[str, typer.Option(help="Of the page.")] = "Synthetic slices",
    card: Annotated[
        Path | None, typer.Option(help="YAML with data, licence, intended_use, limits, contact, for the model card.")
    ] = None,
) -> None:
    """Write one self-contained page about one or more runs."""
    from medattngan.stages.report.card import Card
    from medattngan.stages.report.report import report as run_report

    typer.echo(run_report(folders, data, out, title=title, card=None if card is None else Card.load(card)))

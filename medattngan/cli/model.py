"""Networks and what they draw: train, sample, explain, encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medattngan.cli import parse
from medattngan.cli.types import (
    CheckpointOption,
    DataOption,
    LabelOption,
    OutOption,
    RunArgument,
    SettingsOption,
    ValuesOption,
)


def train(
    config: Annotated[Path, typer.Argument(help="A configuration, such as configs/compact.yaml.")],
    data: DataOption,
    out: OutOption,
    settings: SettingsOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    begin: Annotated[
        Path | None, typer.Option(help="Start from the networks of this run, trained on other scans.")
    ] = None,
) -> None:
    """Train an attention-GAN on a store."""
    from medattngan.core.config import Config
    from medattngan.core.run import Run
    from medattngan.stages.train.train import train as run_train

    start = None if begin is None else Run.open(begin)
    typer.echo(run_train(Config.load(config, settings or ()), data, out, resume=resume, begin=start).path)


def sample(
    run: RunArgument,
    count: Annotated[int, typer.Option(help="How many slices.")],
    out: OutOption,
    seed: Annotated[int, typer.Option(help="Same seed, same slices.")] = 0,
    label: LabelOption = None,
    values: ValuesOption = None,
    truncation: Annotated[float, typer.Option(help="Below 1: less variety, more typical slices.")] = 1.0,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw synthetic slices; needs no scans."""
    from medattngan.stages.sample.sample import sample as run_sample

    run_sample(
        run, out, count=count, seed=seed, label=label, values=parse.numbers_by_name(values or []),
        truncation=truncation, checkpoint=checkpoint,
    )  # fmt: skip
    typer.echo(out)


def explain(
    run: RunArgument,
    out: OutOption,
    seed: Annotated[int, typer.Option(help="As of sample: the slice that it draws with this seed.")] = 0,
    number: Annotated[int, typer.Option(help="Which slice of the seed.")] = 0,
    point: Annotated[
        list[str] | None, typer.Option(help="ROW,COLUMN in pixels: show what is read from there; repeat for more.")
    ] = None,
    label: LabelOption = None,
    values: ValuesOption = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw what a run's attentions read in a synthetic slice, and what lies between latents."""
    from medattngan.stages.explain.explain import explain as run_explain

    made = run_explain(
        run, out, seed=seed, number=number, points=[parse.point(text) for text in point or []], label=label,
        values=parse.numbers_by_name(values or []), checkpoint=checkpoint,
    )  # fmt: skip
    for note in made.notes:
        typer.echo(note, err=True)
    typer.echo(made.path)


def encoder(
    store: Annotated[Path, typer.Argument(help="A slice store; its training split is learned from.")],
    out: OutOption,
    kimg: Annotated[float, typer.Option(help="Thousands of slices shown; 40 are a few minutes on two cores.")] = 40.0,
    seed: Annotated[int, typer.Option(help="Of weights, order and views.")] = 0,
) -> None:
    """Train an encoder on a store, for audit and for Fréchet distances."""
    from medattngan.stages.encoder.encoder import encoder as run_encoder

    run_encoder(store, out, kimg=kimg, seed=seed)
    typer.echo(out)

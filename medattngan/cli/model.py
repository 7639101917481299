"""Networks and what they draw: train, sample, explain, encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medattngan.cli import parse
from medattngan.cli.say import say
from medattngan.cli.types import (
    CheckpointOption,
    DataOption,
    LabelOption,
    OutOption,
    RunArgument,
    SettingsOption,
    TextOption,
    ValuesOption,
)


def train(
    config: Annotated[Path, typer.Argument(help="A configuration, such as configs/compact.yaml.")],
    data: DataOption,
    out: OutOption,
    settings: SettingsOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume from the last checkpoint in --out.")] = False,
    begin: Annotated[
        Path | None, typer.Option(help="Initialise the networks from this run, trained on other scans.")
    ] = None,
) -> None:
    """Train an attention-GAN on a store."""
    from medattngan.core.config import Config
    from medattngan.core.run import Run
    from medattngan.stages.train.ranks import is_first
    from medattngan.stages.train.train import train as run_train

    start = None if begin is None else Run.open(begin)
    run = run_train(Config.load(config, settings or ()), data, out, resume=resume, begin=start)
    if is_first():
        typer.echo(run.path)


def sample(
    run: RunArgument,
    count: Annotated[int, typer.Option(help="Number of slices.")],
    out: OutOption,
    seed: Annotated[int, typer.Option(help="Random seed: the same seed gives the same slices.")] = 0,
    label: LabelOption = None,
    values: ValuesOption = None,
    text: TextOption = None,
    truncation: Annotated[
        float, typer.Option(help="Truncation of the latent; below 1, slices are more typical and less diverse.")
    ] = 1.0,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Sample synthetic slices from a trained run; needs no scans."""
    from medattngan.stages.sample.sample import sample as run_sample

    run_sample(
        run, out, count=count, seed=seed, label=label, values=parse.condition_values(values or [], text),
        truncation=truncation, checkpoint=checkpoint, say=lambda said: typer.echo(said, err=True),
    )  # fmt: skip
    typer.echo(out)


def explain(
    run: RunArgument,
    out: OutOption,
    seed: Annotated[
        int, typer.Option(help="Random seed, as for sample: explains the slice that it draws with this seed.")
    ] = 0,
    number: Annotated[int, typer.Option(help="Index of the slice among those of the seed.")] = 0,
    point: Annotated[
        list[str] | None, typer.Option(help="Query position ROW,COLUMN in pixels: show where it attends; repeatable.")
    ] = None,
    label: LabelOption = None,
    values: ValuesOption = None,
    text: TextOption = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw the attention maps of a synthetic slice, and interpolations between latents."""
    from medattngan.stages.explain.explain import explain as run_explain

    made = run_explain(
        run, out, seed=seed, number=number, points=[parse.point(text) for text in point or []], label=label,
        values=parse.condition_values(values or [], text), checkpoint=checkpoint,
    )  # fmt: skip
    for note in made.notes:
        say(note, err=True)
    typer.echo(made.path)


def encoder(
    store: Annotated[Path, typer.Argument(help="A slice store; the encoder is trained on its training split.")],
    out: OutOption,
    kimg: Annotated[
        float, typer.Option(help="Training length in thousands of slices; 40 take a few minutes on two cores.")
    ] = 40.0,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Train a self-supervised encoder on a store, for audit and for Fréchet distances."""
    from medattngan.stages.encoder.encoder import encoder as run_encoder

    run_encoder(store, out, kimg=kimg, seed=seed)
    typer.echo(out)

"""Real slices in a run's latent space: encode, reconstruct, anomalies. What they write is of patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medattngan.cli import parse
from medattngan.cli.say import say
from medattngan.cli.types import CheckpointOption, DataOption, OutOption, RunArgument, ValuesOption

LatentsArgument = Annotated[Path, typer.Argument(help="Latents, as made by encode with the same run.")]


def encode(
    run: RunArgument,
    slices: Annotated[Path, typer.Argument(help="A slice store; its split train teaches a new encoder.")],
    out: OutOption,
    split: Annotated[str, typer.Option(help="Whose slices to encode: train, val, test or all.")] = "test",
    encoder: Annotated[
        Path | None, typer.Option(help="Latents of the same run, whose encoder to take in place of a new one.")
    ] = None,
    kimg: Annotated[
        float, typer.Option(help="Training length of a new encoder in thousands of slices; 40 take some minutes.")
    ] = 40.0,
    checkpoint: CheckpointOption = "best",
    seed: Annotated[int, typer.Option(help="Random seed of a new encoder.")] = 0,
) -> None:
    """Find the latents of real slices; they are patient data."""
    from medattngan.stages.encode.encode import encode as run_encode

    made = run_encode(run, slices, out, split=split, encoder=encoder, kimg=kimg, checkpoint=checkpoint, seed=seed)
    say(f"{out} holds latents of patients: guard it as you guard the scans", err=True)
    typer.echo(made.path)


def reconstruct(
    run: RunArgument,
    latents: LatentsArgument,
    out: OutOption,
    between: Annotated[
        str | None, typer.Option(help="ROW,ROW of two latents: draw the way from one to the other instead.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Of --between: slices on the way, both ends among them.")] = 9,
    values: ValuesOption = None,
    data: Annotated[
        Path | None, typer.Option(help="The store of the slices: then SSIM with each is measured as well.")
    ] = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw real slices again from their latents, edited or interpolated if asked; not synthetic."""
    from medattngan.stages.encode.reconstruct import reconstruct as run_reconstruct

    made = run_reconstruct(
        run, latents, out, between=parse.rows(between), steps=steps, values=parse.condition_values(values or []),
        data=data, checkpoint=checkpoint,
    )  # fmt: skip
    if "ssim" in made.table:
        say(
            f"SSIM with the slices: {made.table['ssim'].mean():.3f} on average, {made.table['ssim'].min():.3f} at least"
        )
    say(f"{out} shows patients and is not synthetic: no verb exports it", err=True)
    typer.echo(out)


def anomalies(
    run: RunArgument,
    latents: LatentsArgument,
    data: DataOption,
    out: OutOption,
    checkpoint: CheckpointOption = "best",
    seed: Annotated[int, typer.Option(help="Random seed of planted lesions.")] = 0,
) -> None:
    """Score how odd real slices look to a run, and test that with planted lesions."""
    from medattngan.stages.encode.anomaly import anomalies as run_anomalies

    made = run_anomalies(run, latents, data, out, checkpoint=checkpoint, seed=seed)
    for sentence in made.sentences():
        say(sentence)
    typer.echo(made.path)

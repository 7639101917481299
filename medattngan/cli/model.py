"""Networks and what they draw: train, sample, explain, explore, encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medattngan.cli import parse
from medattngan.cli.say import say
from medattngan.cli.types import (
    CheckpointOption,
    ConfigArgument,
    DataOption,
    EditOption,
    LabelOption,
    MasksOption,
    MasksSplitOption,
    OutOption,
    RunArgument,
    SettingsOption,
    TextOption,
    TruncationOption,
    ValuesOption,
)


def train(
    config: ConfigArgument,
    data: DataOption,
    out: OutOption,
    settings: SettingsOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume from the last checkpoint in --out.")] = False,
    begin: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|zoo:NAME", help="Initialise the networks from those of other scans: a run, or zoo:NAME."
        ),
    ] = None,
    private: Annotated[
        float | None,
        typer.Option(
            metavar="EPSILON", help="Train with differential privacy for every patient, spending at most this epsilon."
        ),
    ] = None,
) -> None:
    """Train an attention-GAN on a store."""
    from medattngan.stages.train.ranks import is_first
    from medattngan.stages.train.train import train as run_train

    asked = [*(settings or ()), *([] if private is None else [f"private.epsilon={private}"])]
    run = run_train(config, data, out, settings=asked, resume=resume, begin=begin)
    if is_first():
        typer.echo(run.path)


def configs() -> None:
    """List the configurations that train takes by name."""
    from medattngan.core.shipped import configs as shipped_configs

    say(f"{'auto':20} Chosen by train from the store and this machine, and said in two sentences")
    for name, line in shipped_configs().items():
        say(f"{name:20} {line}")


def zoo() -> None:
    """List the trained networks that come with the package, for train --begin."""
    from medattngan.core.zoo import zoo as entries

    found = entries()
    for name, entry in found.items():
        say(f"zoo:{name:20} {entry.line}")
    if not found:
        say("the zoo is empty in this version; train --begin takes a run of yours, too", err=True)


def sample(
    run: RunArgument,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of slices; of a run of stacks, of volumes.")],
    out: OutOption,
    seed: Annotated[int, typer.Option(help="Random seed: the same seed gives the same slices.")] = 0,
    label: LabelOption = None,
    values: ValuesOption = None,
    text: TextOption = None,
    truncation: TruncationOption = 1.0,
    checkpoint: CheckpointOption = "best",
    slices: Annotated[
        int | None, typer.Option(help="Slices of each volume; also makes volumes of any run with position_mm.")
    ] = None,
    step_mm: Annotated[
        float | None, typer.Option(help="From slice to slice in mm, of a run that was not trained on stacks.")
    ] = None,
    masks: MasksOption = None,
    masks_split: MasksSplitOption = "train",
    edit: EditOption = None,
) -> None:
    """Sample synthetic slices from a trained run; needs no scans."""
    from medattngan.stages.sample.sample import sample as run_sample

    run_sample(
        run, out, count=count, seed=seed, label=label, values=parse.condition_values(values or [], text),
        truncation=truncation, checkpoint=checkpoint, masks=masks, masks_split=masks_split, edits=edit or (),
        slices=slices, step_mm=step_mm, say=lambda said: typer.echo(said, err=True),
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
    masks: MasksOption = None,
    masks_split: MasksSplitOption = "train",
    edit: EditOption = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw the attention maps of a synthetic slice, and interpolations between latents."""
    from medattngan.stages.explain.explain import explain as run_explain

    made = run_explain(
        run, out, seed=seed, number=number, points=[parse.point(text) for text in point or []], label=label,
        values=parse.condition_values(values or [], text), checkpoint=checkpoint, masks=masks, masks_split=masks_split,
        edits=edit or (),
    )  # fmt: skip
    for note in made.notes:
        say(note, err=True)
    typer.echo(made.path)


def explore(
    run: RunArgument,
    out: OutOption,
    seed: Annotated[int, typer.Option(help="The first random seed of the sheet.")] = 0,
    count: Annotated[int, typer.Option("--count", "-n", help="Seeds on the sheet, one slice each.")] = 64,
    label: LabelOption = None,
    values: ValuesOption = None,
    truncation: TruncationOption = 1.0,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw a sheet of seeds, a film from seed to seed, and mixtures of two."""
    from medattngan.stages.explore.explore import explore as run_explore

    made = run_explore(
        run, out, seed=seed, count=count, label=label, values=parse.condition_values(values or []),
        truncation=truncation, checkpoint=checkpoint,
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
    workers: Annotated[
        int | None,
        typer.Option(help="Number of processes that prepare slices, of one thread each; by default this one alone."),
    ] = None,
) -> None:
    """Train a self-supervised encoder on a store, for audit and for Fréchet distances."""
    from medattngan.stages.encoder.encoder import encoder as run_encoder

    run_encoder(store, out, kimg=kimg, seed=seed, workers=workers)
    typer.echo(out)

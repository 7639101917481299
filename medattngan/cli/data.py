"""From scans to a store, and a look at it: ingest, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medattngan.cli import parse
from medattngan.cli.say import say
from medattngan.cli.types import PlaneOption, ScreenOption
from medattngan.core.files import UserError


def ingest(
    source: Annotated[
        list[Path], typer.Argument(help="Files or folders of DICOM, NIfTI, PNG, JPEG or TIFF, in any mixture.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; must not exist yet. Not needed with --list.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Which series to take, as sequence=T1 or modality=CT; repeatable: any of the values named."),
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Only list what would be taken, by series; write nothing.")
    ] = False,
    size: Annotated[int, typer.Option(help="Height and width of the slices, in pixels.")] = 64,
    plane: PlaneOption = "axial",
    window: Annotated[
        str | None,
        typer.Option(help="CT window: lung, soft-tissue, bone, brain or full, or CENTER,WIDTH in HU."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with `file` or `patient`, and `label`; or the word `folders`, to label each image by its folder."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Fractions of the patients for train, val and test.")] = "0.8,0.1,0.1",
    seed: Annotated[int, typer.Option(help="Random seed of the split into train, val and test.")] = 0,
    screen: ScreenOption = None,
    captions: Annotated[
        list[str] | None,
        typer.Option(
            help="Captions: a CSV with `file` or `patient`, and `text`; a YAML of region masks; or `attributes`; "
            "repeatable."
        ),
    ] = None,
    keep_word: Annotated[
        list[str] | None,
        typer.Option(help="A word of a table of captions to keep although it may be a name; repeatable."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Number of reading processes.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(help="Dask scheduler, tcp://HOST:8786, instead of --workers; needs a shared file system."),
    ] = None,
    file_seconds: Annotated[
        float, typer.Option(help="Set a file aside that takes longer than this to read, in seconds.")
    ] = 60.0,
    file_memory: Annotated[
        str, typer.Option(help="Set a file aside that takes more memory than this to read, as 500MB or 4GB.")
    ] = "4GB",
    rejected: Annotated[
        Path | None,
        typer.Option(help="Also list the names of the files set aside in this CSV; keep it with the scans."),
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|SUFFIX",
            help="Label maps of the scans (NIfTI, DICOM SEG, PNG): their folder, or how their names end, as _seg.",
        ),
    ] = None,
    mask_classes: Annotated[
        Path | None, typer.Option(help="CSV with `value` and `name`: which classes of the masks to keep.")
    ] = None,
) -> None:
    """Turn scans into a store of 2D slices."""
    if listing:
        from medattngan.stages.ingest.listing import list_series, told

        table = list_series(
            source, only=only or [], window=window, labels=labels, masks=masks, workers=workers, cluster=cluster,
            file_seconds=file_seconds, file_memory=file_memory,
        )  # fmt: skip
        for line in told(table):
            say(line)
        return
    if out is None:
        raise UserError("ingest needs --out, the folder of the store to make; or --list, to see what there is first.")
    from medattngan.stages.ingest.ingest import ingest as run_ingest

    shares = parse.shares(split)
    store = run_ingest(
        source, out, size=size, plane=plane, window=window, labels=labels, split=shares, seed=seed,
        screen=screen, captions=captions or [], keep_words=keep_word or [],
        workers=workers, cluster=cluster, rejected=rejected,
        file_seconds=file_seconds, file_memory=file_memory, masks=masks, mask_classes=mask_classes, only=only or [],
    )  # fmt: skip
    typer.echo(store.path)


def inspect(
    store: Annotated[Path, typer.Argument(help="A slice store.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Path of the contact sheet; STORE-contact-sheet.png by default.")
    ] = None,
) -> None:
    """Summarise a store and draw a contact sheet of its slices."""
    from medattngan.data.store import SliceStore
    from medattngan.stages.inspect.inspect import inspect as run_inspect

    store = store.resolve()
    sheet = out or store.with_name(f"{store.name}-contact-sheet.png")
    say(run_inspect(SliceStore.open(store), sheet))
    typer.echo(sheet)


def reseal(
    folder: Annotated[Path, typer.Argument(help="A store, a run, samples or DICOM that was changed on purpose.")],
    reason: Annotated[str, typer.Option(help="Why it was changed; written into the folder.")],
) -> None:
    """Take a folder that was changed on purpose for whole again, and record what changed and why."""
    from medattngan.stages.reseal.reseal import reseal as run_reseal

    for name in run_reseal(folder, reason):
        say(f"changed: {name}", err=True)
    typer.echo(folder)

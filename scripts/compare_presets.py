"""Train presets for equal minutes, or on equal images, and score them on the same test patients, cell by cell.

    python scripts/compare_presets.py --data STORE --preset compact --preset dcgan --work DIR --out FILE.json

or variants of presets, to choose by the validation patients:

    python scripts/compare_presets.py --data STORE --split val --work DIR --out FILE.json \
        --variant "batch8 compact train.batch_size=8" --variant "batch16 compact train.batch_size=16"

A variant may begin from a run, or from what the package ships, which is to be said beside its figures:

    python scripts/compare_presets.py --data STORE --work DIR --out FILE.json --preset compact \
        --variant "warm compact begin=zoo:template-64"

Beside the mean of each row stand the paired differences from the first one, over the seeds both have, with intervals.
A cell is one row with one seed. What stands in FILE.json is not run again and what was cut short goes on, so that
several sittings can fill the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from cells import Cell, fill_table, print_summary
from derived import store_of_few
from paired import differences, print_differences

from medattngan.core.files import UserError, read_json
from medattngan.data.store import SliceStore


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Where the cells stand.")],
    out: Annotated[Path, typer.Option(help="The table as JSON.")],
    preset: Annotated[list[str] | None, typer.Option(help="Name of a file in configs/; repeat for more.")] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="A row of its own: NAME PRESET [begin=RUN] KEY=VALUE KEY=VALUE …; repeat for more."),
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Repeat for more; 0 by default.")] = None,
    minutes: float = 30.0,
    kimg: Annotated[float | None, typer.Option(help="Equal images in place of minutes: so many thousand.")] = None,
    patients: Annotated[int | None, typer.Option(help="Train on so many training patients alone.")] = None,
    split: Annotated[str, typer.Option(help="Whose patients to score against; val to choose by.")] = "test",
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key in every cell.")] = None,
    jobs: Annotated[int, typer.Option(help="Cells at a time; the cores are shared out among them.")] = 1,
) -> None:
    """Fill the table and print it."""
    store = SliceStore.open(data)
    rows = [*((name, name, (), None) for name in preset or []), *map(variant_of, variant or [])]
    if not rows:
        raise UserError("give --preset or --variant at least once.")
    cells = [
        Cell(row, config, (*own, *(settings or ())), number, minutes, kimg, begin)
        for number in seed or [0]
        for row, config, own, begin in rows
    ]
    training = store if patients is None else store_of_few(store, patients, work / f"store-{patients}")
    lines = fill_table(
        cells, training, store, work, out, split=split, jobs=jobs, more=lambda done: {"differences": differences(done)}
    )
    print_summary(lines)
    print_differences(read_json(out)["differences"])


def variant_of(text: str) -> tuple[str, str, tuple[str, ...], str | None]:
    """Row, configuration, settings and beginning of a variant as it is written.

    >>> variant_of("warm compact begin=zoo:template-64 train.batch_size=8")
    ('warm', 'compact', ('train.batch_size=8',), 'zoo:template-64')

    Raises:
        UserError: it names no configuration.
    """
    row, *words = text.split()
    if not words:
        raise UserError(f"--variant {text!r} names no preset: NAME PRESET KEY=VALUE …")
    begin = [word.removeprefix("begin=") for word in words[1:] if word.startswith("begin=")]
    return (
        row,
        words[0],
        tuple(word for word in words[1:] if not word.startswith("begin=")),
        begin[0] if begin else None,
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"compare_presets: {error}") from error

"""What attention buys: the same preset with each kind of attention and with none, at equal wall-clock, cell by cell.

    python scripts/ablate_attention.py --data STORE --minutes 20 --seed 0 --seed 1 --seed 2 --work DIR --out FILE.json

`none` is the same network with a block of as many weights that sees each position alone (medattngan/attention/none.py).
By default these are all kinds but bipartite, which attends at several heights at once. All are run with the first seed,
then all with the second. What stands in FILE.json is not run again and what was cut short goes on, so that several
sittings can fill the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from cells import Cell, fill_table, print_summary

from medattngan.core.files import UserError
from medattngan.data.store import SliceStore

KINDS = ["none", "scaled_dot", "additive", "multi_head", "multi_scale", "dynamic"]


def verdict(lines: list[dict[str, Any]]) -> str:
    """Whether the best attention is better than none beyond the spread of the seeds."""
    none = next((line for line in lines if line["row"] == "none"), None)
    best = next((line for line in lines if line["row"] != "none"), None)
    if none is None or best is None or min(none["seeds"], best["seeds"]) < 3:
        return "It takes none and at least one attention, with three seeds each, to say whether attention pays."
    if best["highest"] < none["lowest"]:
        return f"{best['row']} is better than none with every seed of the one against every seed of the other."
    if none["highest"] < best["lowest"]:
        return f"none is better than {best['row']}, the best attention, with every seed against every seed."
    return f"{best['row']} and none overlap: these seeds do not show that attention pays."


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Where the cells stand.")],
    out: Annotated[Path, typer.Option(help="The table as JSON.")],
    config: Annotated[str, typer.Option(help="Name of a file in configs/.")] = "compact",
    kind: Annotated[list[str] | None, typer.Option(help="Repeat for more; all by default.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Repeat for more; 0, 1 and 2 by default.")] = None,
    minutes: float = 20.0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key in every cell.")] = None,
    jobs: Annotated[int, typer.Option(help="Cells at a time; the cores are shared out among them.")] = 1,
) -> None:
    """Fill the table, print it and say what it shows."""
    store = SliceStore.open(data)
    common = ("train.validate_minutes=null", *(settings or ()))
    cells = [
        Cell(name, config, (f"attention.kind={name}", *common), number, minutes)
        for number in seed or [0, 1, 2]
        for name in kind or KINDS
    ]
    lines = fill_table(cells, store, store, work, out, jobs=jobs, extra=lambda lines: {"verdict": verdict(lines)})
    print_summary(lines)
    typer.echo(verdict(lines))


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"ablate_attention: {error}") from error

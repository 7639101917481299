"""What privacy costs: ε against the Fréchet distance, and against what the discriminator tells of who took part.

    python scripts/compare_private.py --data STORE --work DIR --out FILE.json --epsilon 1 --epsilon 10

Every row is shown the same number of images. `default` is the configuration as it is; `same rules` has the private loss
and batch, without clip, noise or pauses of the generator; `clipped` has the private rules and next to no noise; the
others spend the ε of their name. Scored against the store's test patients; the membership test is the audit's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from cells import Cell, fill_table, print_summary
from rich.console import Console
from rich.table import Table

from medattngan.core.files import UserError, read_json, write_json
from medattngan.core.run import Run, numbers_of
from medattngan.data.store import SliceStore
from medattngan.stages.audit.membership import membership_inference

PLAIN = ("loss.kind=non_saturating", "loss.r1_gamma=0", "loss.r2_gamma=0", "augment.adaptive=false")
NEXT_TO_NONE = ("private.epsilon=1e12", "private.noise=0.001")


def rows_of(epsilons: Sequence[float], batch: int, private: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What each row overrides."""
    size = f"train.batch_size={batch}"
    known = {f"epsilon {one:g}": (f"private.epsilon={one:g}", size, *private) for one in epsilons}
    return known | {"clipped": (*NEXT_TO_NONE, size, *private), "same rules": (*PLAIN, size), "default": ()}


def told(cell: Cell, work: Path, store: SliceStore) -> dict[str, Any] | None:
    """What a finished cell spent, and what its discriminator tells; None of one that is not finished."""
    folder = work / cell.folder
    if not (folder / "scores" / "scores.json").is_file():
        return None
    path = folder / "membership.json"
    if not path.is_file():
        write_json(path, membership_inference(Run.open(folder / "run"), store, store.split("test"), seed=0))
    numbers = numbers_of(Run.open(folder / "run").checkpoint("last"))
    return {"row": cell.row, "seed": cell.seed, "privacy": numbers.get("privacy"), "membership": read_json(path)}


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Where the cells stand.")],
    out: Annotated[Path, typer.Option(help="The table as JSON.")],
    epsilon: Annotated[list[float], typer.Option(help="Repeat for more.")],
    config: Annotated[str, typer.Option(help="Name of a file in configs/.")] = "compact",
    seed: Annotated[list[int] | None, typer.Option(help="Repeat for more; 0 by default.")] = None,
    kimg: Annotated[float, typer.Option(help="Thousands of images, or patients, shown in every row.")] = 100.0,
    batch: Annotated[int, typer.Option(help="Patients expected in a round; images in one of `same rules`.")] = 64,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key in every cell.")] = None,
    private: Annotated[list[str] | None, typer.Option("--private", help="Override a key in private cells.")] = None,
) -> None:
    """Fill the table and print it."""
    store = SliceStore.open(data)
    fixed = ("train.validate_minutes=null", "train.graphs=off")
    cells = [
        Cell(row, config, (*fixed, *overrides, *(settings or ())), number, 0, kimg)
        for number in seed or [0]
        for row, overrides in rows_of(epsilon, batch, private or ()).items()
    ]

    def also(_: list[dict[str, Any]]) -> dict[str, Any]:
        return {"privacy": [one for one in (told(cell, work, store) for cell in cells) if one is not None]}

    print_summary(fill_table(cells, store, store, work, out, extra=also))
    table = Table("", "seed", "epsilon", "noise", "moves", "membership AUC", "95 %")
    for one in read_json(out)["privacy"]:
        spent, found = one["privacy"], one["membership"]
        known = [f"{spent['epsilon']:.3g}", f"{spent['noise']:g}", f"{spent['moves']:,}"] if spent else ["none", "", ""]
        table.add_row(one["row"], str(one["seed"]), *known, f"{found['auc']:.3f}", "{} to {}".format(*found["ci95"]))
    Console().print(table)


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"compare_private: {error}") from error

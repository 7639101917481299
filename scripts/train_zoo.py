"""Make an entry of the zoo: train, sample, evaluate, audit, and pack the networks with card, audit and licence.

    python scripts/train_zoo.py template-64 --work DIR --minutes 10
    python scripts/train_zoo.py NAME --data STORE --card CARD.yaml --licence FILE --line TEXT --work DIR --minutes 60

Without --data it learns from pseudo-patients: the MNI152 template brain, bent by software, nobody's scan. With it, from
a store whose licence allows the weights to be given away, and that no benchmark of this project reports: a table of
trainings that begin from weights which saw its patients would tell nothing. A step that stands in DIR is not done anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from medattngan.core.files import UserError, atomic_folder, digest, read_json, write_json
from medattngan.core.room import in_words
from medattngan.core.run import Run
from medattngan.core.zoo import MOST_BYTES, PLACE, RECORD
from medattngan.data.store import SliceStore
from medattngan.stages.audit.audit import audit
from medattngan.stages.demo.scans import pseudo_scans
from medattngan.stages.encoder.encoder import encoder
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.export_model.export_model import export_model
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.report.card import Card
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

BENCHMARKS = Path(__file__).parents[1] / "docs" / "benchmarks" / "data"
TEMPLATE = Card(
    data=(
        "Nobody's scans: pseudo-patients, all of them the MNI ICBM152 2009a T1 template (Fonov et al. 2009, "
        "doi:10.1016/S1053-8119(09)70884-5; an average of 152 heads), bent, turned and re-exposed by software. They "
        "are one subject, with no diversity and no disease."
    ),
    licence="Apache-2.0, as the package; the template may be used, copied and changed with its notice: LICENCE.txt.",
    intended_use="To begin trainings on T1 slices of heads from. Its own slices are of one brain and good for nothing.",
)
NOTICE = """\
The weights in this folder were trained by the authors of medattngan and are under Apache License 2.0, as the package
is. No voxel of what they learned from is in them. They learned from the MNI ICBM152 2009a template, whose notice is:

Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill
University. Permission to use, copy, modify, and distribute this software and its documentation for any purpose and
without fee is hereby granted, provided that the above copyright notice appear in all copies. The authors and McGill
University make no representations about the suitability of this software for any purpose. It is provided "as is"
without express or implied warranty. The authors are not responsible for any data loss, equipment damage, property loss,
or injury to subjects or patients resulting from the use or misuse of this software package.
"""


def require_no_benchmark(store: SliceStore, folder: Path = BENCHMARKS) -> None:
    """Refuse a store that a table of docs/benchmarks was made with.

    Raises:
        UserError: naming the table.
    """
    for path in sorted(folder.glob("*.json")):
        if store.digest in path.read_text(encoding="utf-8"):
            raise UserError(f"{store.path} is the store of {path.name}: weights that saw its patients are not shipped.")


def cohort(work: Path, patients: int, size: int) -> SliceStore:
    """The store of pseudo-patients."""
    if not (work / "store").is_dir():
        scans = work / "scans"
        shutil.rmtree(scans, ignore_errors=True)
        ingest([pseudo_scans(scans, patients=patients)], work / "store", size=size)
        shutil.rmtree(scans)
    return SliceStore.open(work / "store")


def judged(run: Run, store: SliceStore, work: Path, count: int) -> tuple[Path, ...]:
    """Samples of the last checkpoint, their scores and their audit."""
    steps: dict[str, Callable[[Path], object]] = {
        "samples": lambda to: sample(run, to, count=count, seed=0, checkpoint="last"),
        "encoder": lambda to: encoder(store, to, kimg=10),
        "scores": lambda to: evaluate(work / "samples", store, to),
        "audit": lambda to: audit(work / "samples", store, to, run=run, encoder=work / "encoder"),
    }
    for name, step in steps.items():
        if not (work / name).is_dir():
            step(work / name)
    return work / "samples", work / "scores", work / "audit"


def pack(run: Run, evidence: tuple[Path, ...], card: Card, notice: str, line: str, out: Path) -> None:
    """Write the entry, whole or not at all.

    Raises:
        UserError: a file is larger than the zoo takes.
    """
    with atomic_folder(out) as folder:
        export_model(run, folder / "made", format="safetensors", evidence=evidence, card=card, checkpoint="last")
        for path in sorted((folder / "made").iterdir()):
            path.rename(folder / path.name)
        (folder / "made").rmdir()
        shutil.copyfile(run.checkpoint("last") / "discriminator.safetensors", folder / "discriminator.safetensors")
        shutil.copyfile(evidence[-1] / "audit.json", folder / "audit.json")
        (folder / "LICENCE.txt").write_text(notice, encoding="utf-8")
        found = {path.name: path for path in sorted(folder.iterdir())}
        for name, path in found.items():
            if path.stat().st_size > MOST_BYTES:
                size = in_words(path.stat().st_size)
                raise UserError(
                    f"{name} is of {size}, and the zoo takes {in_words(MOST_BYTES)} a file; train a smaller one."
                )
        digests = {name: digest(path) for name, path in found.items()}
        write_json(folder / RECORD, {"line": line, "licence": card.licence, "files": digests})


def main(
    name: Annotated[str, typer.Argument(help="Of the entry.")],
    work: Annotated[Path, typer.Option(help="Folder of store, run, samples, scores and audit.")],
    minutes: Annotated[float, typer.Option(help="Of training.")],
    data: Annotated[Path | None, typer.Option(help="A store; pseudo-patients without.")] = None,
    card: Annotated[Path | None, typer.Option(help="With --data: what is to be said of them, as for report.")] = None,
    licence: Annotated[Path | None, typer.Option(help="With --data: the text of LICENCE.txt.")] = None,
    line: Annotated[str | None, typer.Option(help="With --data: what it is, in a line.")] = None,
    patients: Annotated[int, typer.Option(help="Pseudo-patients; an audit needs 199 slices of a tenth.")] = 80,
    size: Annotated[int, typer.Option(help="Height and width in pixels.")] = 64,
    count: Annotated[int, typer.Option(help="Slices to evaluate and audit.")] = 500,
    place: Annotated[Path, typer.Option(help="The zoo.")] = PLACE,
    settings: Annotated[list[str] | None, typer.Option("--set", help="As for train.")] = None,
) -> None:
    """Make one entry."""
    if data is not None and None in (card, licence, line):
        raise typer.BadParameter("--data needs --card, --licence and --line: what may be done with the weights.")
    store = cohort(work, patients, size) if data is None else SliceStore.open(data)
    require_no_benchmark(store)
    fixed = [f"data.size={size}", f"train.minutes={minutes:g}", "train.kimg=1000000"]
    run = train("compact", store, work / "run", settings=[*fixed, *(settings or [])], resume=True)
    evidence = judged(run, store, work, min(count, len(store.split("test"))))
    told = TEMPLATE if card is None else Card.load(card)
    notice = NOTICE if licence is None else licence.read_text(encoding="utf-8")
    shown = read_json(run.checkpoint("last") / "checkpoint.json")["images"] / 1000
    told_of = f"{minutes:g} minutes, {shown:.0f} thousand images"
    about = line or f"T1 brains without skulls at {size} px, all of one template: {told_of}"
    pack(run, evidence, told, notice, about, place / name)
    typer.echo(place / name)


if __name__ == "__main__":
    typer.run(main)

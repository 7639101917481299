"""The command line: parse, call one verb, print the path of what it wrote."""

from __future__ import annotations

import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from medattngan.core.files import UserError, read_json
from medattngan.core.version import __version__
from medattngan.review.commands import review_app

app = typer.Typer(
    name="medattngan",
    help="Train an attention-GAN on slices of your own scans, judge it, and export DICOM for review.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(review_app)

OutOption = Annotated[Path, typer.Option("--out", help="Where to write; must not exist yet.")]
StoreOption = Annotated[Path, typer.Option("--data", help="A slice store, as made by ingest.")]
SamplesArgument = Annotated[
    Path, typer.Argument(help="A samples folder, a folder of images, or a .npy of (count, H, W).")
]


class Plane(StrEnum):
    """Which way volumes are cut."""

    axial = "axial"
    coronal = "coronal"
    sagittal = "sagittal"
    acquired = "acquired"


class Screen(StrEnum):
    """What to do about text that is burned into scans."""

    set_aside = "set-aside"
    mask = "mask"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medattngan {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Verbs read one folder and write the next: ingest, train, sample, audit, evaluate, export, push, review."""


@app.command()
def ingest(
    source: Annotated[
        list[Path], typer.Argument(help="Folders or files: DICOM, NIfTI, PNG, JPEG, TIFF, in any mixture.")
    ],
    out: OutOption,
    size: Annotated[int, typer.Option(help="Height and width of the slices, in pixels.")] = 64,
    plane: Annotated[Plane, typer.Option(help="Which way volumes are cut.")] = Plane.axial,
    window: Annotated[
        str | None,
        typer.Option(help="CT window: a name (lung, soft-tissue, bone, brain, full) or CENTER,WIDTH in HU."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with `file` or `patient`, and `label`; or the word folders: a picture's folder is its label."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Shares of the patients for train, val and test.")] = "0.8,0.1,0.1",
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    screen: Annotated[
        Screen | None, typer.Option(help="Find text burned into the scans; leave those out, or cover the text.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that read.")] = 1,
    cluster: Annotated[
        str | None, typer.Option(help="A Dask scheduler, tcp://HOST:8786, in place of --workers; files must be shared.")
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(help="Also list the files set aside, by name, in this CSV: keep it with the scans."),
    ] = None,
) -> None:
    """Turn scans into a store of 2D slices."""
    from medattngan.stages.ingest.ingest import ingest as run_ingest

    shares = _shares(split)
    store = run_ingest(
        source, out, size=size, plane=plane.value, window=window, labels=labels, split=shares, seed=seed,
        screen=None if screen is None else screen.value, workers=workers, cluster=cluster,
        rejected=rejected,
    )  # fmt: skip
    typer.echo(store.path)


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, val, test = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--split {text!r} must be three shares such as 0.8,0.1,0.1.") from None
    return train, val, test


@app.command()
def inspect(
    store: Annotated[Path, typer.Argument(help="A slice store.")],
    out: Annotated[Path | None, typer.Option(help="The contact sheet; STORE-contact-sheet.png by default.")] = None,
) -> None:
    """Count a store's slices and draw a contact sheet."""
    from medattngan.data.store import SliceStore
    from medattngan.stages.inspect.inspect import inspect as run_inspect

    store = store.resolve()
    sheet = out or store.with_name(f"{store.name}-contact-sheet.png")
    typer.echo(run_inspect(SliceStore.open(store), sheet))
    typer.echo(sheet)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A configuration, such as configs/compact.yaml.")],
    data: StoreOption,
    out: OutOption,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override one key: section.key=value.")] = None,
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


@app.command()
def sample(
    run: Annotated[Path, typer.Argument(help="A run, as made by train.")],
    count: Annotated[int, typer.Option(help="How many slices.")],
    out: OutOption,
    seed: Annotated[int, typer.Option(help="Same seed, same slices.")] = 0,
    label: Annotated[str | None, typer.Option(help="For a run trained with labels.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="For a run trained with conditions: NAME=NUMBER; repeat for more.")
    ] = None,
    truncation: Annotated[float, typer.Option(help="Below 1: less variety, more typical slices.")] = 1.0,
    checkpoint: Annotated[str, typer.Option(help="best (by validation score) or last.")] = "best",
) -> None:
    """Draw synthetic slices; needs no scans."""
    from medattngan.stages.sample.sample import sample as run_sample

    run_sample(
        run, out, count=count, seed=seed, label=label, values=_values(values or []), truncation=truncation,
        checkpoint=checkpoint,
    )  # fmt: skip
    typer.echo(out)


def _values(texts: list[str]) -> dict[str, float]:
    """`NAME=NUMBER` …, each name once."""
    values: dict[str, float] = {}
    for text in texts:
        name, _, number = (part.strip() for part in text.partition("="))
        try:
            value = float(number)
        except ValueError:
            raise UserError(f"--set {text!r} must be a condition and a number, as in position_mm=20.") from None
        if values.setdefault(name, value) != value:
            raise UserError(f"--set gives {name} two values; give one.")
    return values


@app.command()
def explain(
    run: Annotated[Path, typer.Argument(help="A run, as made by train.")],
    out: OutOption,
    seed: Annotated[int, typer.Option(help="As of sample: the slice that it draws with this seed.")] = 0,
    number: Annotated[int, typer.Option(help="Which slice of the seed.")] = 0,
    point: Annotated[
        list[str] | None, typer.Option(help="ROW,COLUMN in pixels: show what is read from there; repeat for more.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="For a run trained with labels.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="For a run trained with conditions: NAME=NUMBER; repeat for more.")
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="best (by validation score) or last.")] = "best",
) -> None:
    """Draw what a run's attentions read in a synthetic slice, and what lies between latents."""
    from medattngan.stages.explain.explain import explain as run_explain

    made = run_explain(
        run, out, seed=seed, number=number, points=[_point(text) for text in point or []], label=label,
        values=_values(values or []), checkpoint=checkpoint,
    )  # fmt: skip
    for note in made.notes:
        typer.echo(note, err=True)
    typer.echo(made.path)


def _point(text: str) -> tuple[int, int]:
    """`ROW,COLUMN`."""
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--point {text!r} must be a row and a column in pixels, such as 32,20.") from None
    return row, column


@app.command()
def evaluate(
    samples: SamplesArgument,
    data: StoreOption,
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


@app.command()
def export(
    samples: SamplesArgument,
    out: OutOption,
    limit: Annotated[int | None, typer.Option(help="At most this many slices.")] = None,
    sop: Annotated[str, typer.Option(help="sc (Secondary Capture), mr or ct.")] = "sc",
    multiframe: Annotated[
        bool, typer.Option("--multiframe", help="One multi-frame Secondary Capture a series.")
    ] = False,
    window: Annotated[str | None, typer.Option(help="CENTER,WIDTH that viewers open with.")] = None,
    overlay: Annotated[bool, typer.Option(help="SYNTHETIC in an overlay that viewers can hide.")] = True,
    stamp: Annotated[bool, typer.Option("--stamp", help="Burn SYNTHETIC into the pixels.")] = False,
    transfer_syntax: Annotated[str, typer.Option(help="explicit, jpeg2000, jpegls or rle; all lossless.")] = "explicit",
    like: Annotated[
        Path | None,
        typer.Option(help="A real series that lends its technical attributes, never its identity."),
    ] = None,
    uid_root: Annotated[str, typer.Option(help="Your organisation's UID root.")] = "2.25",
    include_flagged: Annotated[str | None, typer.Option(help="Export audit-flagged slices too; the reason.")] = None,
    value_range: Annotated[
        str | None,
        typer.Option(
            "--range", help="Foreign images: LOWER,UPPER, physical values of the darkest and brightest pixel."
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Foreign images: HU, or the unit of the values; by default DICOM's, else a.u.")
    ] = None,
    modality: Annotated[
        str | None, typer.Option(help="Foreign images: CT, MR, CR, DX …; by default DICOM's, else OT.")
    ] = None,
    plane: Annotated[Plane, typer.Option(help="Foreign images: which way they are cut.")] = Plane.acquired,
    spacing: Annotated[float, typer.Option(help="Foreign images: pixel size in mm; by default DICOM's.")] = math.nan,
) -> None:
    """Write synthetic slices as DICOM series that say they are synthetic."""
    from medattngan.external.open import open_slices
    from medattngan.stages.export.export import export as run_export

    source = open_slices(samples).physical(
        value_range=_pair(value_range, "--range"), unit=unit, modality=modality, plane=plane.value, spacing_mm=spacing
    )
    report = run_export(
        source, out, limit=limit, sop=sop, multiframe=multiframe, overlay=overlay, stamp=stamp, like=like,
        transfer_syntax=transfer_syntax, uid_root=uid_root, window=_pair(window, "--window"),
        include_flagged=include_flagged,
    )  # fmt: skip
    if report.flagged_left_out:
        typer.echo(f"{report.flagged_left_out} slices that the audit flagged were left out", err=True)
    typer.echo(report.path)


def _pair(text: str | None, option: str) -> tuple[float, float] | None:
    """`A,B` as two numbers."""
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{option} {text!r} is not two numbers; write them as 40,400.") from None
    return first, second


@app.command()
def utility(
    config: Annotated[Path, typer.Argument(help="A configuration; train.minutes is spent on every GAN.")],
    data: StoreOption,
    out: Annotated[Path, typer.Option("--out", help="Where to write; what stands there is gone on with.")],
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override one key: section.key=value.")] = None,
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
        Config.load(config, settings or ()), data, out, per_class=_counts(per_class, "--per-class"), seeds=seeds,
        amounts=_counts(amounts, "--amounts"), pretrain_minutes=pretrain_minutes, say=typer.echo,
    )  # fmt: skip
    typer.echo(out)


def _counts(text: str, option: str) -> list[int]:
    """`A,B,C` as whole numbers above 0."""
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise UserError(f"{option} {text!r} is not a list of whole numbers above 0; write them as 10,25,50.")
    return counts


@app.command()
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


@app.command()
def audit(
    samples: SamplesArgument,
    data: StoreOption,
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


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="DICOM files, as made by export.")],
    url: Annotated[str | None, typer.Option(help="Root of a DICOMweb server (STOW-RS).")] = None,
    dimse: Annotated[str | None, typer.Option(help="HOST:PORT of a DICOM server (C-STORE), in place of --url.")] = None,
    aet: Annotated[str | None, typer.Option(help="For --dimse: the server's application entity title.")] = None,
    calling_aet: Annotated[str, typer.Option(help="For --dimse: our application entity title.")] = "MEDATTNGAN",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The journal; FOLDER.push.csv by default. If it is there, the push goes on."),
    ] = None,
    credentials: Annotated[
        Path | None, typer.Option(help="For --url: a file with `token = …`, or `user = …` and `password = …`.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="Trust the certificates in this PEM file.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="For --dimse: encrypt; --ca does so too.")] = False,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="Let http:// leave this machine.")] = False,
    allow_unmarked: Annotated[
        str | None, typer.Option(help="Send files that do not say SYNTHETIC; the reason, for the journal.")
    ] = None,
    resend_unknown: Annotated[
        bool,
        typer.Option("--resend-unknown", help="Send again what may be stored, where the server cannot be asked."),
    ] = False,
    batch_instances: Annotated[int, typer.Option(help="Most instances in one STOW-RS request.")] = 50,
    batch_mb: Annotated[float, typer.Option(help="Most megabytes in one STOW-RS request.")] = 32.0,
    attempts: Annotated[int, typer.Option(help="How often to try when the server does not answer.")] = 6,
) -> None:
    """Send DICOM files to a PACS, each once; exit status 1 where one is not there in the end."""
    from medattngan.pacs.push import push as run_push
    from medattngan.pacs.retry import Patience

    if not 0 < batch_mb < math.inf:
        raise UserError(f"--batch-mb is {batch_mb:g}; give megabytes above 0, such as 32.")
    report = run_push(
        folder, url=url, dimse=dimse, called_aet=aet, calling_aet=calling_aet, out=out, credentials=credentials, ca=ca,
        tls=tls, plain_http=plain_http, allow_unmarked=allow_unmarked, resend_unknown=resend_unknown,
        batch_instances=batch_instances, batch_bytes=int(batch_mb * 1e6), patience=Patience(attempts=attempts),
    )  # fmt: skip
    for name in report.not_dicom:
        typer.echo(f"not DICOM, not sent: {name}", err=True)
    for name in report.copies:
        typer.echo(f"a copy of another file, not sent: {name}", err=True)
    typer.echo(report.sentence(), err=True)
    typer.echo(report.journal)
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Runs, their samples, scores and audits, utility, reader statistics: in any order."),
    ],
    data: StoreOption,
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


@app.command()
def demo(
    out: OutOption,
    minutes: Annotated[float, typer.Option(help="Of training.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Of the pseudo-patients, the training and the samples.")] = 0,
) -> None:
    """Go from scans to DICOM and a report, on pseudo-patients made from one template brain; under 6 minutes."""
    from medattngan.stages.demo.demo import demo as run_demo

    typer.echo(run_demo(out, minutes=minutes, seed=seed))


def main() -> None:
    """Run the command line; a UserError becomes one sentence and exit status 2."""
    try:
        app()
    except UserError as error:
        Console(stderr=True, soft_wrap=True).print(f"medattngan: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)
    except OSError as error:
        if error.filename is None:
            raise
        reason = f"{error.filename}: {error.strerror}; is it there, is there room, and may you write it?"
        Console(stderr=True, soft_wrap=True).print(f"medattngan: {reason}", style="red", markup=False, highlight=False)
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("medattngan: interrupted", style="red")
        sys.exit(130)

"""From synthetic slices to DICOM and a PACS, and the whole way at once: export, push, demo."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from medattngan.cli import parse
from medattngan.cli.say import say
from medattngan.cli.types import CheckpointOption, ForeignPlaneOption, OutOption, RunArgument, SamplesArgument
from medattngan.core.files import UserError


def export(
    samples: SamplesArgument,
    out: OutOption,
    limit: Annotated[int | None, typer.Option(help="At most this many slices, or volumes.")] = None,
    sop: Annotated[
        str | None,
        typer.Option(help="SOP class: sc (Secondary Capture), mr or ct; by default sc, of volumes their modality."),
    ] = None,
    multiframe: Annotated[
        bool, typer.Option("--multiframe", help="Write one multi-frame Secondary Capture per series.")
    ] = False,
    window: Annotated[str | None, typer.Option(help="Default window of viewers: CENTER,WIDTH.")] = None,
    overlay: Annotated[bool, typer.Option(help="Write SYNTHETIC into an overlay, which viewers can hide.")] = True,
    stamp: Annotated[bool, typer.Option("--stamp", help="Burn SYNTHETIC into the pixels.")] = False,
    transfer_syntax: Annotated[
        str, typer.Option(help="Transfer syntax: explicit, jpeg2000, jpegls or rle; all lossless.")
    ] = "explicit",
    like: Annotated[
        Path | None,
        typer.Option(help="Real series to copy technical attributes from; its identifiers are never copied."),
    ] = None,
    uid_root: Annotated[str, typer.Option(help="Your organisation's UID root.")] = "2.25",
    include_flagged: Annotated[
        str | None, typer.Option(help="Also export slices flagged by the audit; give the reason.")
    ] = None,
    letters: Annotated[str, typer.Option(help="Slices that show letters: refuse, leave-out or keep.")] = "refuse",
    value_range: Annotated[
        str | None,
        typer.Option(
            "--range", help="Foreign images: LOWER,UPPER, physical values of the darkest and brightest pixel."
        ),
    ] = None,
    stored: Annotated[
        str | None,
        typer.Option(help="Foreign images: LOWER,UPPER, the pixel values for which --range stands, as 0,4095."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Foreign images: HU, or the unit of the values; by default DICOM's, else a.u.")
    ] = None,
    modality: Annotated[
        str | None, typer.Option(help="Foreign images: CT, MR, CR, DX …; by default DICOM's, else OT.")
    ] = None,
    plane: ForeignPlaneOption = "acquired",
    spacing: Annotated[float, typer.Option(help="Foreign images: pixel spacing in mm; by default DICOM's.")] = math.nan,
    seg: Annotated[bool, typer.Option("--seg", help="Also write the masks, as DICOM Segmentation.")] = False,
    pairs: Annotated[
        str | None,
        typer.Option(help="Write NIfTI pairs of slice and mask instead, in the folders of nnunet or of monai."),
    ] = None,
) -> None:
    """Write synthetic slices as DICOM series marked as synthetic; volumes also as NIfTI, sheet and film."""
    from medattngan.external.open import open_slices
    from medattngan.stages.export.export import export as run_export

    if pairs is not None:
        from medattngan.stages.export.pairs import export_pairs

        _refuse_beside_pairs(
            sop=sop, multiframe=multiframe, window=window, no_overlay=not overlay, stamp=stamp, like=like, seg=seg,
            transfer_syntax=transfer_syntax != "explicit", uid_root=uid_root != "2.25", range=value_range,
            stored=stored, unit=unit, modality=modality, plane=plane != "acquired", spacing=not math.isnan(spacing),
        )  # fmt: skip
        made = export_pairs(samples, out, pairs, limit=limit, include_flagged=include_flagged, letters=letters)
        for note in [*made.notes, f"{len(made.cases)} pairs"]:
            say(note, err=True)
        typer.echo(out)
        return
    found = open_slices(samples)
    if found.samples is not None:
        _refuse_meanings(samples, value_range, stored, unit, modality, plane, spacing)
    source = found.physical(
        value_range=parse.pair(value_range, "--range"), stored=parse.pair(stored, "--stored"), unit=unit,
        modality=modality, plane=plane, spacing_mm=spacing,
    )  # fmt: skip
    report = run_export(
        source, out, limit=limit, sop=sop, multiframe=multiframe, overlay=overlay, stamp=stamp, like=like,
        transfer_syntax=transfer_syntax, uid_root=uid_root, window=parse.pair(window, "--window"),
        include_flagged=include_flagged, seg=seg, letters=letters, notes=found.notes,
    )  # fmt: skip
    for note in report.sentences():
        say(note, err=True)
    typer.echo(report.path)


def export_model(
    run: RunArgument,
    out: OutOption,
    format: Annotated[str, typer.Option(help="monai, medigan, torchscript, onnx or safetensors (Hugging Face).")],
    evidence: Annotated[
        list[Path] | None,
        typer.Option(help="Samples drawn from the run, their scores or their audit, for the model card; repeatable."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="YAML for the model card, with data, licence, intended_use, limits and contact.")
    ] = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Write a run's generator for other programs: MONAI, medigan, PyTorch, ONNX or the Hugging Face Hub."""
    from medattngan.stages.export_model.export_model import export_model as run_export_model

    typer.echo(run_export_model(run, out, format=format, evidence=evidence or (), card=card, checkpoint=checkpoint))


def _refuse_beside_pairs(**given: object) -> None:
    """NIfTI pairs have no place for what DICOM alone can say, and come from samples, which say what they mean."""
    if others := [name for name, value in given.items() if value not in (None, False)]:
        raise UserError(f"--pairs writes NIfTI from a samples folder; leave out --{others[0].replace('_', '-')}.")


def _refuse_meanings(
    samples: Path, value_range: str | None, stored: str | None, unit: str | None, modality: str | None, plane: str,
    spacing: float,
) -> None:  # fmt: skip
    """A samples folder says itself what its values mean: none of these options is for it."""
    given: dict[str, object] = {"--range": value_range, "--stored": stored, "--unit": unit, "--modality": modality}
    given |= {"--plane": None if plane == "acquired" else plane, "--spacing": None if math.isnan(spacing) else spacing}
    if meant := [name for name, value in given.items() if value is not None]:
        raise UserError(f"{samples} is a samples folder, which says what its values mean; leave out {meant[0]}.")


def push(
    folder: Annotated[Path, typer.Argument(help="DICOM files, as made by export.")],
    url: Annotated[str | None, typer.Option(help="Root of a DICOMweb server (STOW-RS).")] = None,
    dimse: Annotated[str | None, typer.Option(help="HOST:PORT of a DICOM server (C-STORE), instead of --url.")] = None,
    aet: Annotated[
        str | None, typer.Option(help="For --dimse: the called application entity title, that of the server.")
    ] = None,
    calling_aet: Annotated[str, typer.Option(help="For --dimse: the calling application entity title.")] = "MEDATTNGAN",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The journal; FOLDER.push.csv by default. Resumes if it exists."),
    ] = None,
    credentials: Annotated[
        Path | None, typer.Option(help="For --url: a file with `token = …`, or `user = …` and `password = …`.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="Trust the certificates in this PEM file.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="For --dimse: use TLS; implied by --ca.")] = False,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Allow unencrypted http:// to other machines.")
    ] = False,
    allow_unmarked: Annotated[
        str | None, typer.Option(help="Also send files not marked SYNTHETIC; the reason goes into the journal.")
    ] = None,
    allow_letters: Annotated[
        str | None, typer.Option(help="Also send files that show letters; the reason goes into the journal.")
    ] = None,
    resend_unknown: Annotated[
        bool,
        typer.Option(
            "--resend-unknown", help="Resend instances of unknown outcome where the server cannot be queried."
        ),
    ] = False,
    batch_instances: Annotated[int, typer.Option(help="Maximum number of instances per STOW-RS request.")] = 50,
    batch_mb: Annotated[float, typer.Option(help="Maximum size of a STOW-RS request in MB.")] = 32.0,
    attempts: Annotated[int, typer.Option(help="Number of attempts when the server does not answer.")] = 6,
) -> None:
    """Send DICOM files to a PACS, each once; exit status 1 if any was not stored."""
    from medattngan.pacs.push import push as run_push
    from medattngan.pacs.retry import Retry

    if not 0 < batch_mb < math.inf:
        raise UserError(f"--batch-mb is {batch_mb:g}; give megabytes above 0, such as 32.")
    report = run_push(
        folder, url=url, dimse=dimse, called_aet=aet, calling_aet=calling_aet, out=out, credentials=credentials, ca=ca,
        tls=tls, plain_http=plain_http, allow_unmarked=allow_unmarked, allow_letters=allow_letters,
        resend_unknown=resend_unknown, batch_instances=batch_instances, batch_bytes=int(batch_mb * 1e6),
        retry=Retry(attempts=attempts),
    )  # fmt: skip
    for name in report.not_dicom:
        say(f"not DICOM, not sent: {name}", err=True)
    for name in report.copies:
        say(f"duplicate of another file, not sent: {name}", err=True)
    say(report.sentence(), err=True)
    typer.echo(report.journal)
    if not report.ok:
        raise typer.Exit(1)


def demo(
    out: OutOption,
    minutes: Annotated[float, typer.Option(help="Training time in minutes.")] = 3.5,
    seed: Annotated[int, typer.Option(help="Random seed of the pseudo-patients, the training and the samples.")] = 0,
) -> None:
    """Run the whole pipeline on pseudo-patients made from one template brain, in under 6 minutes."""
    from medattngan.stages.demo.demo import demo as run_demo

    typer.echo(run_demo(out, minutes=minutes, seed=seed))

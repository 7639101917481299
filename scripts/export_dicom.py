"""Write synthetic slices as DICOM: a samples folder, or whatever another generator made.

python scripts/export_dicom.py SAMPLES --out DIR
python scripts/export_dicom.py images/ --out DIR --modality MR --plane axial --spacing 1.5
python scripts/export_dicom.py slices.npy --out DIR --modality CT --unit HU --range=-1350,150 --spacing 1.4
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from medattngan.data.samples import Samples
from medattngan.export import export, read_foreign
from medattngan.files import UserError


def main(
    source: Annotated[
        Path, typer.Argument(help="A samples folder, a folder of images, or a .npy of (count, H, W).")
    ],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    limit: Annotated[int | None, typer.Option(help="At most this many slices.")] = None,
    value_range: Annotated[
        str, typer.Option("--range", help="LOWER,UPPER: physical values of the darkest and brightest pixel.")
    ] = "",
    unit: Annotated[str, typer.Option(help="HU, or the unit of the values.")] = "a.u.",
    modality: Annotated[str, typer.Option(help="CT, MR, CR, DX … or OT.")] = "OT",
    plane: Annotated[str, typer.Option(help="axial, coronal, sagittal or acquired.")] = "acquired",
    spacing: Annotated[float, typer.Option(help="Pixel size in mm; leave out where unknown.")] = math.nan,
    window: Annotated[str, typer.Option(help="CENTER,WIDTH that viewers open with.")] = "",
    sop: Annotated[str, typer.Option(help="sc, ct or mr.")] = "sc",
    multiframe: Annotated[bool, typer.Option(help="One multi-frame Secondary Capture a series.")] = False,
    overlay: Annotated[bool, typer.Option(help="SYNTHETIC in an overlay that viewers can hide.")] = True,
    stamp: Annotated[bool, typer.Option(help="Burn SYNTHETIC into the pixels.")] = False,
    transfer_syntax: Annotated[str, typer.Option(help="explicit, jpeg2000, jpegls or rle.")] = "explicit",
    like: Annotated[
        Path | None, typer.Option(help="A real series that lends its technical attributes.")
    ] = None,
    uid_root: Annotated[str, typer.Option(help="Your organization's UID root.")] = "2.25",
    include_flagged: Annotated[
        str | None, typer.Option(help="Export audit-flagged slices too; the reason.")
    ] = None,
) -> None:
    """Write synthetic slices as DICOM series that say they are synthetic."""
    try:
        if (source / "samples.parquet").is_file():
            samples = Samples.open(source)
        else:
            limits = _pair(value_range, "--range")
            samples = read_foreign(
                source, value_range=limits, unit=unit, modality=modality, plane=plane, spacing_mm=spacing
            )
        report = export(
            samples,
            out,
            limit=limit,
            sop=sop,
            multiframe=multiframe,
            overlay=overlay,
            stamp=stamp,
            transfer_syntax=transfer_syntax,
            like=like,
            uid_root=uid_root,
            window=_pair(window, "--window"),
            include_flagged=include_flagged,
        )
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(
        f"{report.slices} slices in {len(report.series)} series, {report.flagged_left_out} flagged left out"
    )
    typer.echo(report.path)


def _pair(text: str, option: str) -> tuple[float, float] | None:
    """`A,B` as two numbers; None of an empty text."""
    if not text:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{option} {text!r} is not two numbers; write them as 40,400.") from None
    return first, second


if __name__ == "__main__":
    typer.run(main)

"""The arguments and options that several verbs share. Importing them loads neither torch nor monai."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medattngan.cli.parse import one_of
from medattngan.core.shipped import shipped
from medattngan.scans.geometry.planes import CUTS
from medattngan.scans.text.screens import SCREENS

ConfigArgument = Annotated[
    str,
    typer.Argument(
        help="A configuration: the name of one that is shipped, or a file; for train also auto.",
        autocompletion=lambda: [*shipped()],
    ),
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Where to write; must not exist yet.")]
DataOption = Annotated[Path, typer.Option("--data", help="A slice store, as made by ingest.")]
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", help="Override a configuration key: section.key=value; repeatable.")
]
RunArgument = Annotated[Path, typer.Argument(help="A run, as made by train.")]
CheckpointOption = Annotated[
    str,
    typer.Option(help="Which checkpoint: best (by validation score) or last.", autocompletion=lambda: ["best", "last"]),
]
LabelOption = Annotated[str | None, typer.Option(help="Class to draw, for a run trained with labels.")]
ValuesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition", metavar="NAME=VALUE", help="Value of a condition, for a run trained with conditions; repeatable."
    ),
]
TruncationOption = Annotated[
    float, typer.Option(help="Truncation about the mean style; below 1, slices are more typical and less diverse.")
]
TextOption = Annotated[str | None, typer.Option(help="Caption to draw, for a run trained with captions.")]
MasksOption = Annotated[
    Path | None,
    typer.Option(help="Masks to draw slices from: a store or samples with masks, a .npy or a PNG of one."),
]
MasksSplitOption = Annotated[str, typer.Option(help="Of a store given as --masks: train, val or test.")]
EditOption = Annotated[
    list[str] | None,
    typer.Option(help="Edit the masks: shift=CLASS:ROWS,COLUMNS, scale=CLASS:FACTOR or remove=CLASS; repeatable."),
]
SamplesArgument = Annotated[
    Path, typer.Argument(help="A samples folder, a folder of images, or a .npy of (count, H, W).")
]
GreyRangeOption = Annotated[
    str | None,
    typer.Option("--range", help="Foreign images: LOWER,UPPER, the values of black and of white pixels, as 0,4095."),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        parser=one_of(["segmentation"]), metavar="segmentation", help="Judge pairs of slice and mask by a segmenter."
    ),
]
PlaneOption = Annotated[
    str, typer.Option(parser=one_of(CUTS), metavar="|".join(CUTS), help="Plane in which volumes are cut.")
]
ForeignPlaneOption = Annotated[
    str,
    typer.Option(
        "--plane", parser=one_of(CUTS), metavar="|".join(CUTS), help="Foreign images: their anatomical plane."
    ),
]
ScreenOption = Annotated[
    str | None,
    typer.Option(
        parser=one_of(SCREENS),
        metavar="|".join(SCREENS),
        help="Find text burned into the scans, and leave those slices out or mask the text.",
    ),
]

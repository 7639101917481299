"""The store's provenance: how it was made, what was read, what was set aside. It holds no word of the source."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

import medattngan
from medattngan.core.plugins import versions
from medattngan.core.text import counted
from medattngan.data.intensity import CODE_MAX
from medattngan.scans.find import Found
from medattngan.scans.formats.table import GROUP as FORMATS_OF_OTHERS
from medattngan.scans.geometry.planes import MIN_SLICES_TO_CUT, OBLIQUE_DEG, PLANES
from medattngan.scans.options import BLANK_SHARE, BLANK_STEP, GROUP, PERCENTILES, parse_window
from medattngan.scans.patients.owner import CONVENTION
from medattngan.scans.patients.paths import by_convention
from medattngan.scans.series import Series
from medattngan.scans.table.rows import Labels
from medattngan.stages.ingest import grouping
from medattngan.stages.ingest.assemble import Ledger, StoredSeries
from medattngan.stages.ingest.pseudonyms import pseudonym

READER_LIBRARIES = ("rapidocr", "onnxruntime")
LIBRARIES = ("monai", "torch", "numpy", "nibabel", "pydicom", "pillow", "tifffile")


FACE_SLICES = 20
"""Fewer slices of a head do not make the surface of a face."""

FACES = "see docs/how-to/faces.md"


def provenance(
    asked: Mapping[str, Any],
    found: Sequence[Found],
    chosen: Sequence[tuple[StoredSeries, list[int]]],
    index: pd.DataFrame,
    ledger: Ledger,
    salt: bytes,
    labels: Labels | None = None,
) -> dict[str, Any]:
    """What goes into `provenance.json`.

    Files that were set aside are listed by pseudonym: `ingest(rejected=…)` gives their names to whoever
    holds them.
    """
    series = [part.series for part, _ in chosen]
    names = {file.path: file.relative for file in found}
    rejected = sorted((pseudonym(salt, "file", names[path]), reason) for path, reason in ledger.rejected().items())
    causes = Counter(ledger.unreadable().values())
    return {
        "kind": "slice store",
        "medattngan": medattngan.__version__,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES}
        | versions(FORMATS_OF_OTHERS, {file.format for file in found}),
        "asked": dict(asked),
        "transforms": _transforms(asked),
        "read": {
            "files": dict(Counter(file.format or "none" for file in found)),
            "series": len({(row.patient, row.series) for row in index[["patient", "series"]].itertuples()}),
            "patients": int(index["patient"].nunique()),
            "slices": len(index),
        },
        "patients": grouping.record(series),
        "splits": _splits(index),
        "screen": _screen(asked["screen"], chosen),
        "set_aside": {
            "files": dict(Counter(reason for _, reason in rejected)),
            "slices": dict(ledger.slices),
            "rejected_files": [{"file": name, "reason": reason} for name, reason in rejected],
            **({"causes": dict(sorted(causes.items()))} if causes else {}),
        },
        "notes": [*notes(asked, series, index, found), *([] if labels is None else of_table(labels, index))],
    }


def _screen(asked: str | None, chosen: Sequence[tuple[StoredSeries, list[int]]]) -> dict[str, Any]:
    """How text was looked for, and where it was covered. What it said is nowhere."""
    if asked is None:
        return {}
    from medattngan.scans.text.policy import policy  # its networks take two seconds to import, and few ask for them
    from medattngan.scans.text.weights import digests

    masked = [(part, len(keep)) for part, keep in chosen if part.boxes]
    return {
        "text": asked,
        "reader": {name: version(name) for name in READER_LIBRARIES},
        "weights": digests(),
        "policy": policy() | {"group": GROUP},
        "masked": {
            "series": len(masked),
            "slices": sum(slices for _, slices in masked),
            "places": sum(len(part.boxes) for part, _ in masked),
        },
        "masked_series": [{"series": part.name, "boxes": part.boxes} for part, _ in masked],
    }


def _splits(index: pd.DataFrame) -> dict[str, dict[str, int]]:
    return {
        str(name): {"patients": int(rows["patient"].nunique()), "slices": len(rows)}
        for name, rows in index.groupby("split", observed=True)
    }


def _transforms(asked: Mapping[str, Any]) -> dict[str, Any]:
    name, (center, width) = parse_window(asked["window"])
    return {
        "orientation": PLANES.get(asked["plane"], "as stored"),
        "oblique_deg": OBLIQUE_DEG,
        "min_slices_to_cut": MIN_SLICES_TO_CUT,
        "fill_between": "bilinear between thick slices, to the finer spacing or the store's",
        "resize": "pad to a square in mm with the lower end, bilinear with antialiasing",
        "intensity": {
            "ct": {"scheme": "window", "name": name, "center_hu": center, "width_hu": width},
            "mr": {
                "scheme": "percentile",
                "percentiles": list(PERCENTILES),
                "of": "all voxels of the volume",
            },
            "radiograph": {"scheme": "voi", "else": "full-range"},
            "picture": {"scheme": "full-range"},
            "code_max": CODE_MAX,
        },
        "blank": {"step": BLANK_STEP, "share": BLANK_SHARE},
    }


def notes(asked: Mapping[str, Any], series: Sequence[Series], index: pd.DataFrame, found: Sequence[Found]) -> list[str]:
    """What a reader of the store ought to know, in sentences."""
    said = []
    unnamed = sum(not one.pieces[0].modality for one in series)
    if unnamed:
        taken = "CT in HU, since a window was given" if asked["window"] else "MR; give a window if they are CT"
        said.append(f"{unnamed} volumes name no modality and were taken for {taken}.")
    said += grouping.notes(series)
    said += _of_pictures([one for one in series if one.layout == "pages" and one.whose != "table"])
    if len({one.patient for one in series}) == 1 and grouping.is_guessed(series[0]):
        said.append(f"All slices count as one patient's and are in one split; {grouping.CURE}.")
    later = sum(piece.volumes - 1 for file in found for piece in file.pieces)
    if later:
        said.append(f"Only the first volume of 4-D files was read; {later} later ones were not.")
    modalities = sorted(index["modality"].unique())
    if len(modalities) > 1:
        said.append(f"The store mixes modalities ({', '.join(modalities)}); a generator is better trained on one.")
    sequences = sorted(index["sequence"].dropna().unique()) if "sequence" in index else []
    if len(sequences) > 1:
        cure = f"a generator is better trained on one, as with --only sequence={sequences[-1]}"
        said.append(f"The store mixes MR sequences ({', '.join(sequences)}); {cure}.")
    said += _of_identity(series, found, asked.get("screen"))
    if asked["labels"] == "table" and index["label"].isna().any() and index["label"].notna().any():
        said.append(f"{counted(int(index['label'].isna().sum()), 'slices have', 'slice has')} no label in the table.")
    return said


def of_table(labels: Labels, index: pd.DataFrame) -> Iterator[str]:
    """Which columns of the table are in the index. Those that are not go by their number: a name may be a patient's."""
    taken = [name for name in ("label", "age", "sex", *labels.numbers) if name in index and index[name].notna().any()]
    yield f"Taken from the table: {', '.join(taken) or 'no column'}."
    for number, reason in labels.ignored:
        yield f"Column {number} of the table was not taken: {reason}."


def _of_identity(series: Sequence[Series], found: Sequence[Found], screen: str | None) -> Iterator[str]:
    """Who may be named by the pixels, and whose face may be seen."""
    flagged = sum(any(piece.burned_in or piece.recognizable for piece in file.pieces) for file in found)
    if flagged and screen is None:
        say = counted(flagged, "files say that their", "file says that its")
        yield f"{say} pixels identify the patient; --screen heeds it, without it nobody does."
    volumes = [one for one in series if one.layout == "volume"]
    heads = [one for one in series if len(one.pieces) >= FACE_SLICES and any(piece.of_head for piece in one.pieces)]
    if heads:
        yield f"{len(heads)} series are of the head: unless they were defaced, faces are in them; {FACES}."
    if volumes:
        yield f"{len(volumes)} volumes do not say what they show: heads that were not defaced have faces; {FACES}."


def _of_pictures(pictures: Sequence[Series]) -> Iterator[str]:
    """What the folders and names of pictures were taken for."""
    labels = sorted({one.label for one in pictures if one.label is not None and not one.listed})
    folders = {one.patient for one in pictures if _by_folder(one)}
    others = Counter(one.patient for one in pictures if not _by_folder(one))
    alone = sum(count == 1 for count in others.values())
    if labels:
        cure = "if they name patients, make the store anew with a table of labels"
        yield f"Labels from folder names: {', '.join(labels)}; {cure}."
    if folders:
        cure = "if they are labels, say --labels folders, or give a table"
        yield f"Each of {len(folders)} folders of pictures counts as a patient, and no label was taken from it; {cure}."
    if len(others) > alone:
        together = sum(others.values()) - alone
        yield f"{together} pictures were put together by name, as {len(others) - alone} patients; {grouping.CURE}."
    if alone:
        yield f"Each of {alone} pictures counts as a patient; a table with a column `patient` mends it."


def _by_folder(picture: Series) -> bool:
    """Whether its patient was told by a folder, as one of an own name or of a known convention."""
    folder = f"{PurePosixPath(picture.pieces[0].relative).parent}/"
    return picture.whose == "folder" or (picture.whose.startswith(CONVENTION) and by_convention(folder) is not None)

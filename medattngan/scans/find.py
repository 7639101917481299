"""Files → series: find scans by what is in the files, put frames into stacks, name patients and labels."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from medattngan.core.files import UserError
from medattngan.core.plots import is_signed
from medattngan.scans.boundary import guarded
from medattngan.scans.formats.table import Format, formats
from medattngan.scans.geometry.extent import check_place
from medattngan.scans.series import REJECTED_COLUMNS, Piece, Series, SetAside
from medattngan.scans.table.rows import Labels, stem

HEAD_BYTES = 4096
SAME_PLACE_MM = 0.01
"""Slices closer than this are of one place: an echo, a repetition, or a copy."""

MAX_FOLDER_LABELS = 16
MIN_PICTURES_A_FOLDER = 20
"""More folders than this, or fewer pictures in them on average, may be patients, whose names must not be written."""

SEQUENCE = r"(t1w?|t2w?|t1ce|t1c|t1gd|t1post|t2star|pd|pdw|flair|dwi|adc|bold|mra|swi|ct|pet|mr|mri|brain|bet)"
SEQUENCE_AT_END = re.compile(rf"[_\-.]{SEQUENCE}$", re.IGNORECASE)
SEQUENCE_ALONE = re.compile(rf"{SEQUENCE}|img|image|volume|scan", re.IGNORECASE)
"""Names of files, or ends of names, that say what was scanned and not whom."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file, the name of its format, and what is in it: pieces, or a reason to set it aside."""

    path: Path
    relative: str
    format: str
    pieces: tuple[Piece, ...] = ()
    reason: str | None = None
    cause: str = ""
    """The class of what a reader raised on it."""


def walk(sources: Sequence[Path], skip: Sequence[Path] = ()) -> list[tuple[Path, str]]:
    """Every file under `sources` with its path under its source (and the source's own name), sorted by the latter.

    Args:
        skip: folders not to enter and files not to list: those that this program writes, and the user's own lists.

    Raises:
        UserError: a source does not exist.
    """
    names = Counter(source.resolve().name for source in sources)
    barred = {os.path.realpath(path) for path in skip}
    found: dict[Path, str] = {}
    for number, source in enumerate(sources):
        if not source.exists():
            raise UserError(f"{source} does not exist; give a file or folder of scans.")
        top = source.resolve()
        name = top.name if names[top.name] == 1 else f"{number}:{top.name}"
        for path in [top] if top.is_file() else _files(top, barred):
            under = "" if path == top else f"/{path.relative_to(top).as_posix()}"
            found.setdefault(path, name + under)
    return sorted(found.items(), key=lambda item: item[1])


def _files(top: Path, barred: set[str]) -> Iterator[Path]:
    """Files, through links to folders too, each folder once; links that lead nowhere, to be set aside."""
    entered = {os.path.realpath(top), *barred}
    for folder, folders, names in os.walk(top, onerror=_refuse, followlinks=True):
        below = sorted((Path(folder, name) for name in folders), key=lambda path: (path.is_symlink(), path.name))
        folders.clear()
        for path in below:
            if os.path.realpath(path) not in entered:
                entered.add(os.path.realpath(path))
                folders.append(path.name)
        for path in (Path(folder, name) for name in names if not name.startswith("._") and name != ".DS_Store"):
            broken = path.is_symlink() and not path.exists()
            if broken or (path.is_file() and os.path.realpath(path) not in barred):
                yield path


def state(path: Path) -> tuple[int, int]:
    """Size in bytes and time of change in ns; of a link that leads nowhere, its own."""
    found = path.stat() if path.exists() else path.lstat()
    return found.st_size, found.st_mtime_ns


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed may hold patients who would be missed without a word."""
    raise UserError(f"{error.filename} cannot be listed ({error.strerror}); fix its permissions or leave it out.")


def examine(item: tuple[Path, str]) -> Found:
    """Open one file far enough to say what is in it. Whatever a reader raises costs this file alone."""
    path, relative = item
    name, kinds = "", formats()
    try:
        with guarded():
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
            if _is_ours(head):
                return Found(path, relative, "")
            name = _format_of(kinds, path, head)
            return Found(path, relative, name, _pieces(kinds[name], path, relative))
    except SetAside as error:
        return Found(path, relative, name, reason=error.reason, cause=error.cause)


def _format_of(kinds: Mapping[str, Format], path: Path, head: bytes) -> str:
    """The first format that takes a file for its own. One that stumbles over it does not keep others from it."""
    stumbled: SetAside | None = None
    for name, kind in kinds.items():
        try:
            with guarded():
                if kind.recognise(path, head):
                    return name
        except SetAside as error:
            stumbled = stumbled or error
    raise stumbled or SetAside("not-a-scan", "")


def _pieces(kind: Format, path: Path, relative: str) -> tuple[Piece, ...]:
    pieces = tuple(kind.describe(path, relative))
    for piece in pieces:
        check_place(piece)
    return pieces


def _is_ours(head: bytes) -> bool:
    """Whether a file is a picture or a list of files set aside that this program wrote."""
    return is_signed(head) or head.startswith(",".join(REJECTED_COLUMNS).encode("ascii"))


def stacks(found: Iterable[Found], labels: Labels | None, window: bool, folder_labels: bool = False) -> list[Series]:
    """Group pieces into series, each in the order of its slices, with patient and label.

    Frames at one place in a series become stacks of their own: the first of every place, the second, and so
    on.

    Args:
        labels: the user's table; without one a picture's folder is its label or its patient (see `_folders`).
        window: whether a CT window was asked for, so that what names no modality is taken for CT, and not for MR.
        folder_labels: whether the user said that the folders of pictures are labels.

    Raises:
        UserError: `folder_labels`, and a picture lies in no folder below its source.
    """
    groups: dict[tuple[str, str, str], list[Piece]] = defaultdict(list)
    for file in found:
        for piece in file.pieces:
            groups[file.format, piece.patient, piece.series].append(piece)
    layouts = {name: kind.layout for name, kind in formats().items()}
    patients = _patients(
        [piece.relative for (name, *_), pieces in groups.items() for piece in pieces if layouts[name] == "volume"]
    )
    pictures = [pieces[0].relative for (name, *_), pieces in groups.items() if layouts[name] == "pages"]
    named, owners = ({}, {}) if labels is not None else _folders(pictures, folder_labels)
    series = []
    for (name, patient, key), pieces in groups.items():
        first = pieces[0]
        patient = patient or patients.get(first.relative) or owners.get(first.relative, first.relative)
        modality = first.modality or ("CT" if window else "MR")
        for repeat, stack in enumerate(_by_place(pieces)):
            one = Series(name, layouts[name], modality, patient, f"{key}\0{repeat}", tuple(stack))
            series.append(_labelled(one, labels, named.get(first.relative)))
    return sorted(series, key=lambda one: (one.patient, one.key))


def _by_place(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Stacks with at most one slice at a place. The first stack has a slice of every place."""
    if any(piece.along_mm is None for piece in pieces):
        return [sorted(pieces, key=lambda piece: piece.order)]
    repeats: list[list[Piece]] = []
    place, count = float("-inf"), 0
    for piece in sorted(pieces, key=lambda piece: (round((piece.along_mm or 0.0) / SAME_PLACE_MM), piece.order)):
        position = piece.along_mm or 0.0
        count = count + 1 if position - place <= 2 * SAME_PLACE_MM else 0
        place = place if count else position
        if count == len(repeats):
            repeats.append([])
        repeats[count].append(piece)
    return repeats


def _patients(volumes: Sequence[str]) -> dict[str, str]:
    """Whose each volume is, by BIDS (`sub-…` in the path), else by the file's name, else by its folder.

    A name that recurs in more folders than there are such names names nobody, as `T1.nii` in a folder for each
    patient; then the folder does. In `images/017.nii` and `masks/017.nii` it is the name that counts.

    >>> list(_patients(["a/IXI012_T1.nii.gz", "a/IXI012_T2.nii.gz", "b/sub-7/anat/x.nii"]).values())
    ['IXI012', 'IXI012', 'sub-7']
    >>> list(_patients(["c/1/T1.nii", "c/2/T1.nii"]).values())
    ['c/1', 'c/2']
    >>> list(_patients(["images/1.nii", "images/2.nii", "masks/1.nii", "masks/2.nii"]).values())
    ['1', '2', '1', '2']
    """
    paths = {relative: PurePosixPath(relative) for relative in volumes}
    count = Counter(path.name for path in paths.values())
    recurring = [path for path in paths.values() if count[path.name] > 1]
    by_folder = len({path.parent for path in recurring}) > len({path.name for path in recurring})
    patients = {}
    for relative, path in paths.items():
        bids = re.search(r"(?:^|/)(sub-[A-Za-z0-9]+)(?=[/_.]|$)", relative)
        name = stem(path.name)
        if bids:
            patients[relative] = bids.group(1)
        elif SEQUENCE_ALONE.fullmatch(name) or (by_folder and count[path.name] > 1):
            patients[relative] = str(path.parent)
        else:
            patients[relative] = SEQUENCE_AT_END.sub("", name)
    return patients


def _folders(pictures: Sequence[str], asked: bool) -> tuple[dict[str, str], dict[str, str]]:
    """What the folders of pictures say: the label of each picture, or else its patient.

    A few folders of many pictures are classes. Of others only the user knows, so they are taken for patients. A
    single folder says nothing.

    >>> _folders(["scans/ill/1.png", "scans/well/1.png"], asked=True)[0]
    {'scans/ill/1.png': 'ill', 'scans/well/1.png': 'well'}
    >>> _folders(["scans/Doe/1.png", "scans/Roe/1.png"], asked=False)
    ({}, {'scans/Doe/1.png': 'scans/Doe', 'scans/Roe/1.png': 'scans/Roe'})
    """
    nested = {relative: PurePosixPath(relative).parent for relative in pictures if relative.count("/") > 1}
    names = {parent.name for parent in nested.values()}
    if asked:
        if len(nested) < max(1, len(pictures)):
            loose = len(pictures) - len(nested)
            raise UserError(f"--labels folders: {loose} pictures lie in no folder below their source; move them.")
        return {relative: parent.name for relative, parent in nested.items()}, {}
    if 2 <= len(names) <= MAX_FOLDER_LABELS and len(nested) >= MIN_PICTURES_A_FOLDER * len(names):
        return {relative: parent.name for relative, parent in nested.items()}, {}
    if len(set(nested.values())) < 2:
        return {}, {}
    return {}, {relative: str(parent) for relative, parent in nested.items()}


def _labelled(series: Series, labels: Labels | None, folder: str | None) -> Series:
    if labels is None:
        return replace(series, label=folder)
    row = labels.find(series.pieces[0].relative, series.patient)
    if row is None:
        return series
    patient = row.patient or series.patient
    return replace(series, patient=patient, label=row.label, age=row.age, sex=row.sex, numbers=row.numbers)

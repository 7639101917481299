"""Files → series: find scans by what is in the files, put frames into stacks, name patients and labels."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medattngan.core.files import UserError
from medattngan.core.plots import is_signed
from medattngan.scans.boundary import guarded
from medattngan.scans.formats.table import Format, formats
from medattngan.scans.geometry.extent import check_place
from medattngan.scans.modality import modality
from medattngan.scans.patients.labels_of_folders import folder_labels
from medattngan.scans.patients.whose import owners
from medattngan.scans.series import REJECTED_COLUMNS, Piece, Series, SetAside
from medattngan.scans.stack.stack import stacked
from medattngan.scans.table.rows import Labels
from medattngan.scans.table.settle import settle

HEAD_BYTES = 4096


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
    pages: int = 0
    """How many frames of it were left out, as they lie nowhere and others of it do."""


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


def stacks(found: Iterable[Found], labels: Labels | None, window: bool, folders: bool = False) -> list[Series]:
    """Group pieces into series, each in the order of its slices, with patient and label.

    Frames at one place in a series become stacks of their own (see `scans.stack`).

    Args:
        labels: the user's table; without one the folders of pictures may be labels (see `folder_labels`).
        window: whether a CT window was asked for, so that what names no modality is taken for CT, and not for MR.
        folders: whether the user said that the folders of pictures are labels.

    Raises:
        UserError: `folders`, and a picture lies in no folder below its source, or a folder is named as a patient is.
    """
    layouts = {name: kind.layout for name, kind in formats().items()}
    pieces = [(file.format, piece) for file in found for piece in file.pieces]
    pictures = list(dict.fromkeys(piece.relative for name, piece in pieces if layouts[name] == "pages"))
    named = folder_labels(pictures, folders) if labels is None else {}
    whose = owners(((layouts[name], piece) for name, piece in pieces), named)
    groups: dict[tuple[str, str, str], list[Piece]] = defaultdict(list)
    for name, piece in pieces:
        groups[name, whose[piece.relative, piece.patient].key, piece.scan or piece.series].append(piece)
    series = []
    for (name, *_), some in groups.items():
        first = some[0]
        owner = whose[first.relative, first.patient]
        kind = modality(first.modality or ("CT" if window else "MR"))
        for key, stack in stacked(some):
            one = Series(name, layouts[name], kind, owner.said, key, tuple(stack), whose=owner.rule)
            series.append(replace(one, label=named.get(first.relative)))
    if labels is not None:
        series = settle(series, whose, labels)
    return sorted(series, key=lambda one: (one.patient, one.key))

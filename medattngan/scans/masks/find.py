"""Whose mask is it? By name, beside the scan or under a folder of masks; a DICOM SEG by what it refers to."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from medattngan.core.files import UserError
from medattngan.data.masks import BACKGROUND
from medattngan.scans.boundary import guarded
from medattngan.scans.find import HEAD_BYTES, walk
from medattngan.scans.formats.dicom import is_dicom
from medattngan.scans.formats.nifti import is_volume
from medattngan.scans.formats.picture import is_picture
from medattngan.scans.masks.segmentation import scan_of
from medattngan.scans.patients.names import parse
from medattngan.scans.series import MaskFile, Series, SetAside

_NUMBERED = re.compile(r"[\W_]+\d+(?:[\W_]|$)")
CHANNEL = "_0000"
"""What nnU-Net adds to the name of a scan's first channel, and not to its mask's."""
ENDINGS = (
    ".gz",
    ".bz2",
    ".nii",
    ".mgh",
    ".mgz",
    ".img",
    ".hdr",
    ".png",
    ".tif",
    ".tiff",
    ".bmp",
    ".jpg",
    ".jpeg",
    ".dcm",
)
File = tuple[Path, str]
"""A path, and its path under its source."""
Files = Sequence[File]


@dataclass(frozen=True)
class MasksAsked:
    """What `--masks` and `--mask-classes` say: a folder of masks, or how the name of a mask beside its scan ends."""

    folder: Path | None
    suffix: str
    classes: tuple[tuple[int, str], ...] = ()

    @classmethod
    def parse(cls, masks: str | Path, classes: str | Path | None, sources: Sequence[Path]) -> MasksAsked:
        """Raises UserError where it is neither a folder nor a suffix, or the list of classes cannot be read."""
        named = () if classes is None else read_classes(Path(classes))
        if Path(masks).is_dir():
            return cls(Path(masks).resolve(), "", named)
        if not str(masks) or "/" in str(masks) or "\\" in str(masks):
            raise UserError(
                f"--masks {masks} is no folder; give the folder of the masks, or how their names end, as _seg."
            )
        if all(source.is_file() for source in sources):
            raise UserError(f"--masks {masks} is a suffix, which needs a folder of scans and masks; give that.")
        return cls(None, str(masks), named)

    def split(self, files: Files, sources: Sequence[Path]) -> tuple[list[File], list[File]]:
        """The files of scans, and those of masks.

        Raises:
            UserError: no file is a mask.
        """
        if self.folder is None:
            masks = [one for one in files if _stem(one[1]).endswith(self.suffix)]
        else:
            among = self.folder in {source.resolve() for source in sources}
            masks = walk([self.folder])
            if among:
                masks = [one for one in masks if _kind(one[0]) == "segmentation"]
        if not masks:
            raise UserError(f"--masks {self.folder or self.suffix}: there is no mask; give the folder or the suffix.")
        inside = {path for path, _ in masks}
        return [one for one in files if one[0] not in inside], masks

    def pair(self, series: Sequence[Series], masks: Files) -> tuple[list[Series], list[tuple[MaskFile, str]]]:
        """The series, each with its mask if it has one, and the masks that are of none, with the reason."""
        by_name = {id(one): _names(one) for one in series}
        mine: dict[int, list[MaskFile]] = defaultdict(list)
        alone: list[tuple[MaskFile, str]] = []
        there: list[MaskFile] = []
        for path, relative in masks:
            try:
                with guarded():
                    kind = _kind(path)
            except SetAside as error:
                alone.append((MaskFile(path, relative, "volume"), error.reason))
                continue
            if kind is None:
                alone.append((MaskFile(path, relative, "volume"), "not-a-scan"))
                continue
            there.append(MaskFile(path, relative, kind))
        # Whoever has a mask of the very name takes no other, and a mask that is too much costs no scan its own.
        left = list(series)
        for match in (self._exactly, self._loosely):
            matched = {id(mask): match(mask, left, by_name) for mask in there}
            for mask in there:
                if len(matched[id(mask)]) == 1:
                    mine[id(matched[id(mask)][0])].append(mask)
            there = [mask for mask in there if len(matched[id(mask)]) != 1]
            left = [one for one in left if id(one) not in mine]
        alone += [(mask, "mask-without-scan") for mask in there]
        several = [one for some in mine.values() if len(some) > 1 for one in some]
        alone += [(one, "mask-without-scan") for one in several]
        only = {key: some[0] for key, some in mine.items() if len(some) == 1}
        return [replace(one, mask=only.get(id(one))) for one in series], alone

    def _exactly(self, mask: MaskFile, series: Sequence[Series], names: Mapping[int, set[str]]) -> list[Series]:
        """The series that a mask names, by its UID or by its whole path under the source: one, if all is well."""
        if mask.kind == "segmentation":
            uid = scan_of(mask.path)
            return [one for one in series if one.format == "dicom" and _uid(one) == uid]
        inside = self._inside(mask)
        return [one for one in series if inside in names[id(one)]]

    def _loosely(self, mask: MaskFile, series: Sequence[Series], names: Mapping[int, set[str]]) -> list[Series]:
        """The series whose name alone a mask bears, or goes on from, in another folder."""
        if mask.kind == "segmentation":
            return []
        whole = PurePosixPath(self._inside(mask))
        may = {
            id(one): {path.name for path in map(PurePosixPath, names[id(one)]) if _may_be_of(whole, path)}
            for one in series
        }
        same = [one for one in series if whole.name in may[id(one)]]
        return same if same or self.suffix else _longest(whole.name, series, may)

    def _inside(self, mask: MaskFile) -> str:
        """A mask's path under its source, without endings and suffix."""
        relative = PurePosixPath(mask.relative)
        inside = relative.relative_to(relative.parts[0]).as_posix() if len(relative.parts) > 1 else mask.relative
        return _stem(inside).removesuffix(self.suffix or "")


def _may_be_of(mask: PurePosixPath, scan: PurePosixPath) -> bool:
    """Whether folders that differ may still be of one patient: where one has fewer, or the name itself is of somebody.

    `labels/case-1` may be of `images/case-1`; `p2/T1` is not of `p1/T1`, since T1 is nobody's name.
    """
    folders, others = mask.parent.parts[::-1], scan.parent.parts[::-1]
    return all(map(str.__eq__, folders, others)) or bool(parse(scan.name).key)


def _longest(mask: str, series: Sequence[Series], names: Mapping[int, set[str]]) -> list[Series]:
    """The series whose name a mask's name goes on from, as `sub-1_T1` and `sub-1_T1_labels`: the longest such.

    `case-1-2` does not go on from `case-1`: a further number names another.
    """
    lengths = Counter[int]()
    for one in series:
        for last in names[id(one)]:
            rest = mask[len(last) :]
            if mask.startswith(last) and not rest[:1].isalnum() and not _NUMBERED.match(rest):
                lengths[id(one)] = max(lengths[id(one)], len(last))
    best = max(lengths.values(), default=0)
    return [one for one in series if best and lengths[id(one)] == best]


def _kind(path: Path) -> Literal["volume", "picture", "segmentation"] | None:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_dicom(path, head):
        return "segmentation" if scan_of(path) is not None else None
    if is_volume(path, head):
        return "volume"
    return "picture" if is_picture(path, head) else None


def _uid(series: Series) -> str:
    return series.pieces[0].series.split("\0")[0]


def _names(series: Series) -> set[str]:
    """What a mask of a series may be called: its file, or of many files their folder; under the source, no suffix."""
    files = {piece.relative for piece in series.pieces}
    paths = [PurePosixPath(file) for file in files]
    found = {_stem(file) for file in files} if len(files) == 1 else set()
    if series.layout == "frames":
        found |= {path.parent.as_posix() for path in paths}
    found.discard(".")  # a file given by itself has no folder under the source
    inner = {PurePosixPath(name).relative_to(PurePosixPath(name).parts[0]).as_posix() for name in found}
    names = {name for name in inner | found if name != "."}
    return names | {name.removesuffix(CHANNEL) for name in names}


def _stem(relative: str) -> str:
    while (lower := relative.lower()).endswith(ENDINGS):
        relative = relative[: max(lower.rindex(end) for end in ENDINGS if lower.endswith(end))]
    return relative


def read_classes(path: Path) -> tuple[tuple[int, str], ...]:
    """The list of classes that are wanted: a CSV with `value` and `name`; values of one name become one class.

    Raises:
        UserError: it cannot be read, lacks a column, or names a value twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        found = [(int(row["value"]), row["name"].strip()) for row in rows]
    except (OSError, UnicodeDecodeError):
        raise UserError(f"--mask-classes {path} cannot be read; give a CSV with the columns value and name.") from None
    except (KeyError, ValueError, TypeError, AttributeError):
        raise UserError(f"{path} must be a CSV with the columns value, a whole number, and name.") from None
    values = [value for value, _ in found]
    if not found or min(values) < 1 or len(set(values)) < len(values):
        raise UserError(f"{path} must list each value of the masks once, from 1; what is not listed is background.")
    if any(not name or name == BACKGROUND for _, name in found):
        raise UserError(f"{path} must give each value a name other than {BACKGROUND}; leave the background out.")
    return tuple(found)

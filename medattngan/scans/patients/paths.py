"""Whose a file is by its path alone: volumes and pictures, whose headers name nobody.

A known convention decides; then a folder whose name may be a patient's; then what of the file's name may be one. Where
a name can be read in two ways, the reading with fewer patients is taken: two patients in one cost some choice of split,
one patient in two is tested on what was trained on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from medattngan.scans.patients.conventions import named
from medattngan.scans.patients.derived import originals
from medattngan.scans.patients.names import Name, parse, same, stem
from medattngan.scans.patients.owner import CONVENTION, Owner
from medattngan.scans.patients.surnames import LETTERS, VISITS, before_numbers, behind_numbers, letters

MANY_SOURCES = 4
"""So many sources are one `*` of the shell, and each may be a patient; fewer are collections."""
COLLECTION = 20
"""A folder with so many numbered volumes, none of whose numbers recurs elsewhere, holds many patients and is none."""
CHANNELS = 16
"""nnU-Net's files end in the number of a channel: _0000, _0001, ... below this. Every case has the first."""
CODE = 5
"""So many numbers after one code are patients of a collection that the code names: ISLES22_0001."""
ID_DIGITS = 5
"""So many digits, zeros in front left out, count no slices."""

_CHANNEL = re.compile(r"(.+?)_(\d{4})")


def owners(
    paths: Sequence[str],
    pages: bool,
    labelled: Collection[str] = (),
    beside: Collection[str] = (),
    called: Collection[str] = (),
) -> dict[str, Owner]:
    """Whose each file is.

    Args:
        paths: with `/`, each beginning with the name of its source, unless the source is the file.
        pages: whether they are pictures, which may be single slices, and not volumes.
        labelled: those whose folder is their label, and so no patient.
        beside: paths of other kinds of files in the sources.
        called: what patients of those are called, as `same` writes it.

    >>> [owner.key for owner in owners(["s/001_pre.nii", "s/001_post.nii", "s/002_pre.nii"], False).values()]
    ['1', '1', '2']
    >>> [owner.key for owner in owners(["s/Doe/a.nii", "s/Doe/b.nii", "s/Roe/c.nii"], False).values()]
    ['doe', 'doe', 'roe']
    """
    if not pages:
        made_of = originals(paths)
        found = _owners(sorted(set(made_of.values())), pages, labelled, beside, called)
        return {path: found[made_of[path]] for path in paths}
    return _owners(paths, pages, labelled, beside, called)


def _owners(
    paths: Sequence[str], pages: bool, labelled: Collection[str], beside: Collection[str], called: Collection[str]
) -> dict[str, Owner]:
    known = {path: owner for path in paths if (owner := by_convention(path)) is not None}
    rest = [path for path in paths if path not in known]
    folders = _folders(rest, paths, labelled, beside, called)
    names = {path: parse(stem) for path, stem in _stems(rest, pages).items()}
    folders = _without_grades(folders, names) if pages else _without_collections(folders, names)
    called_so = _keys_of_folders(set(folders.values()))
    by_name = {path: names[path] for path in rest if path not in folders and names[path].key}
    keys = _keys(by_name, pages)
    counted = _counters([path for path in by_name if path in labelled], by_name)
    for path in rest:
        if path in folders:
            folder = folders[path]
            known[path] = Owner(same(called_so[folder]), folder, "folder")
        elif path in counted:
            known[path] = Owner(f"{PurePosixPath(path).parent}\0{keys[path]}", path, "file name")
        elif path in keys:
            known[path] = Owner(same(keys[path]), path if pages else stem(PurePosixPath(path).name), "file name")
        else:
            source = path.partition("/")[0]
            known[path] = Owner(f"\0{source}", source, "one source")
    return known


def by_convention(path: str) -> Owner | None:
    """Whom a path names as a known data set does; the source itself only if that is all of its name."""
    source, slash, below = path.partition("/")
    found = named(below if slash else path)
    if found is None and slash and (alone := named(source)) is not None and same(alone[1]) == same(source):
        found = alone
    return None if found is None else Owner(same(found[1]), found[1], f"{CONVENTION}{found[0]}")


def folder_keys(folders: Collection[str], beside: Collection[str] = (), called: Collection[str] = ()) -> dict[str, str]:
    """The patient whom each folder would name if volumes lay in it, for those that would name one.

    >>> folder_keys(["scans/dicom/Doe/CT", "scans/dicom/Roe/CT"])
    {'scans/dicom/Doe/CT': 'doe', 'scans/dicom/Roe/CT': 'roe'}
    """
    inside = [f"{folder}/" for folder in folders]
    chosen = _folders(inside, inside, (), beside, called)
    keys = _keys_of_folders(set(chosen.values()))
    return {path[:-1]: same(keys[folder]) for path, folder in chosen.items()}


def _folders(
    paths: Sequence[str],
    every: Sequence[str],
    labelled: Collection[str],
    beside: Collection[str],
    called: Collection[str],
) -> dict[str, str]:
    """The folder of each path whose name may be a patient's; the first with a number in it, else the first.

    Args:
        every: all paths, those too that are known by a convention: what all have above them tells nobody from anybody,
            unless it is a mere number.
        beside, called: a folder that all of `every` have above them may still be a patient's, the only one with files
            of this kind, if files of another kind go by that name.
    """
    parents = {path: tuple(path.split("/")[:-1]) for path in every}
    alone = len({path.partition("/")[0] for path in every}) == 1
    shared = _shared(list(parents.values())) if alone else 0
    others = {tuple(path.split("/")[:-1]) for path in beside}
    common = _shared([*parents.values(), *others])
    known = {same(parse(part).key) for part in {part for some in others for part in some}} | set(called)
    first = 0 if len({path.partition("/")[0] for path in every}) >= MANY_SOURCES else 1
    chosen = {}
    for path in paths:
        parts = parents[path]
        end = len(parts) - (path in labelled)
        keys = {
            i: name.key
            for i in range(first, end)
            if _may_be(name := parse(parts[i]))
            and (i >= shared or not name.word or (i >= common and same(name.key) in known))
        }
        numbered = [i for i, key in keys.items() if re.search(r"\d", key)]
        if keys:
            chosen[path] = "/".join(parts[: (numbered or list(keys))[0] + 1])
    return chosen


def _keys_of_folders(folders: Collection[str]) -> dict[str, str]:
    """The patient that each folder's name names, judged beside the others."""
    names = {folder: parse(PurePosixPath(folder).name) for folder in folders}
    behind, people = behind_numbers(names.values(), pages=False), before_numbers(names.values())
    return {
        folder: behind.get(name.behind, name.word if name.word in people else name.key)
        for folder, name in names.items()
    }


def _may_be(folder: Name) -> bool:
    """Whether a folder may be a patient's: not one that is named for a year."""
    return bool(folder.word or (folder.number and not re.fullmatch(r"(?:19|20)\d\d", folder.number)))


def _shared(parents: Sequence[tuple[str, ...]]) -> int:
    levels = list(zip(*parents, strict=False))
    return next((i for i, level in enumerate(levels) if len(set(level)) > 1), len(levels))


def _stems(paths: Sequence[str], pages: bool) -> dict[str, str]:
    """Names without suffix, and of volumes without the number of a channel."""
    stems = {path: stem(PurePosixPath(path).name) for path in paths}
    if pages:
        return stems
    channels: dict[str, set[int]] = defaultdict(set)
    found = {path: _CHANNEL.fullmatch(name) for path, name in stems.items()}
    for match in found.values():
        if match:
            channels[match[1]].add(int(match[2]))
    real = {name for name, numbers in channels.items() if 0 in numbers and max(numbers) < CHANNELS}
    return {path: match[1] if (match := found[path]) and match[1] in real else name for path, name in stems.items()}


def _without_collections(folders: Mapping[str, str], names: Mapping[str, Name]) -> dict[str, str]:
    """The folders that hold no collection of volumes."""
    inside: dict[str, set[str]] = defaultdict(set)
    for path, folder in folders.items():
        if names[path].number:
            inside[folder].add(same(names[path].key))
    where: dict[str, set[str]] = defaultdict(set)
    for folder, keys in inside.items():
        for key in keys:
            where[key].add(folder)
    collections = {
        folder
        for folder, keys in inside.items()
        if len(keys) >= COLLECTION and all(len(where[key]) == 1 for key in keys)
    }
    return {path: folder for path, folder in folders.items() if folder not in collections}


def _without_grades(folders: Mapping[str, str], names: Mapping[str, Name]) -> dict[str, str]:
    """The folders but those of grades: 0 to 4, say, in which pictures lie whose numbers are of patients, not of slices.

    Both knees of a patient, or both eyes, may lie in folders of two grades.
    """
    inside: dict[str, list[str]] = defaultdict(list)
    for path, folder in folders.items():
        own = parse(PurePosixPath(folder).name)
        if not own.word and len(own.number) == 1:
            inside[folder].append(names[path].number.lstrip("0"))
    numbers = [number for some in inside.values() for number in some]
    long = sum(len(number) >= ID_DIGITS for number in numbers)
    grades: Collection[str] = inside.keys() if len(inside) > 1 and 2 * long > len(numbers) else ()
    return {path: folder for path, folder in folders.items() if folder not in grades}


def _keys(names: Mapping[str, Name], pages: bool) -> dict[str, str]:
    """The patient that each name names, judged beside the others."""
    alike: dict[str, set[Name]] = defaultdict(set)
    codes: dict[str, set[str]] = defaultdict(set)
    words: dict[str, set[str]] = defaultdict(set)
    for name in names.values():
        alike[name.word].add(name)
        codes[name.key].add(name.after)
        words[name.number].add(name.word)
    people = {word for word, some in alike.items() if word and _is_person(word, some, pages, words)}
    behind = behind_numbers(names.values(), pages)
    keys = {}
    for path, name in names.items():
        later = codes[name.key]
        code = not pages and len(name.number) < 3 and len(later) >= CODE and all(len(after) >= 3 for after in later)
        key = f"{name.key}-{name.after}" if code and letters(name.word) >= LETTERS else name.key
        keys[path] = name.word if name.word in people else behind.get(name.behind, key)
    return keys


def _is_person(word: str, names: Collection[Name], pages: bool, words: Mapping[str, set[str]]) -> bool:
    """Whether a word is a patient's, and the number behind it one of his slices or visits, as in Smith_001.png."""
    alone = [name for name in names if not name.after]
    if pages:
        return bool(alone) and (letters(word) >= LETTERS or any(len(words[name.number]) > 1 for name in alone))
    few = len({name.number for name in names}) <= VISITS and all(len(name.number) < 3 for name in names)
    return bool(alone) and few and (letters(word) >= LETTERS or any(name.apart for name in alone))


def _counters(paths: Sequence[str], names: Mapping[str, Name]) -> set[str]:
    """Pictures in folders of labels whose numbers begin anew in each: 0.png, 1.png in `ill` and in `well`."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        numbers[str(PurePosixPath(path).parent)].append("" if names[path].word else names[path].number)
    for found in numbers.values():
        if not all(number.isdigit() for number in found):
            return set()
        counts = sorted(map(int, found))
        if counts[0] > 1 or counts != list(range(counts[0], counts[0] + len(counts))):
            return set()
    return set(paths) if len(numbers) > 1 else set()

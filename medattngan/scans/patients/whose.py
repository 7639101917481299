"""Pieces → patients: those of headers and those of paths, brought together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from medattngan.scans.patients import headers, paths
from medattngan.scans.patients.names import parse, same, stem
from medattngan.scans.patients.owner import CONVENTION, Owner
from medattngan.scans.patients.sets import Joined
from medattngan.scans.series import Layout, Piece


def owners(pieces: Iterable[tuple[Layout, Piece]], labelled: Collection[str] = ()) -> dict[tuple[str, str], Owner]:
    """Whose each piece is, by its path under its source and the patient that its file says.

    Args:
        pieces: with the layout of their format. A stack of frames, and whatever says a patient, goes by its header.
        labelled: pictures whose folder is their label.
    """
    said: dict[tuple[str, str], headers.Header] = {}
    bare: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
    for layout, piece in pieces:
        place = piece.relative, piece.patient
        if layout == "frames" or piece.patient:
            said[place] = headers.header(piece.patient, piece.issuer, piece.study, piece.relative)
        else:
            bare[layout == "pages"].append(place)
    by_header = headers.owners(said.values())
    whose = {place: by_header[one] for place, one in said.items()}
    by_path: dict[tuple[str, str], Owner] = {}
    ids = {owner.key.partition("\0")[0] for owner in whose.values()}
    for pages, places in bare.items():
        other = {relative for relative, _ in bare[not pages]}
        called = ids | _names(other)
        beside = {relative for relative, _ in said} | other
        found = paths.owners(sorted({relative for relative, _ in places}), pages, labelled, beside, called)
        by_path |= {place: found[place[0]] for place in places}
    return _together(whose, by_path)


def _names(relatives: Iterable[str]) -> set[str]:
    """What patients may be called by the names of files."""
    return {same(parse(stem(relative.rpartition("/")[2])).key) for relative in relatives}


def _together(
    by_header: Mapping[tuple[str, str], Owner], by_path: Mapping[tuple[str, str], Owner]
) -> dict[tuple[str, str], Owner]:
    """One owner a patient: what lies in a patient's folder, or bears a patient's name, is that patient's."""
    sets = Joined()
    if by_header and by_path:
        folders = {owner.said: owner.key for owner in by_path.values() if owner.rule == "folder"}
        named = {owner.key for owner in by_path.values() if owner.rule.startswith(CONVENTION)}
        above: dict[PurePosixPath, set[str]] = {}
        for (relative, _), owner in by_header.items():
            folder = PurePosixPath(relative).parent
            if folder not in above:
                found = paths.by_convention(f"{folder}/")
                above[folder] = {folders[str(one)] for one in (folder, *folder.parents) if str(one) in folders}
                above[folder] |= {found.key} & named if found else set()
            for key in above[folder]:
                sets.join(owner.key, key)
        _join_namesakes(sets, by_header, by_path)
    everybody = {**by_header, **by_path}
    words: dict[object, set[tuple[str, str]]] = defaultdict(set)
    for owner in everybody.values():
        words[sets.of(owner.key)].add((owner.key, owner.said))
    first = {group: (min(key for key, _ in some), min(said for _, said in some)) for group, some in words.items()}
    return {place: Owner(*first[sets.of(owner.key)], owner.rule) for place, owner in everybody.items()}


def _join_namesakes(
    sets: Joined, by_header: Mapping[tuple[str, str], Owner], by_path: Mapping[tuple[str, str], Owner]
) -> None:
    """Volumes and pictures bear the name of a folder elsewhere in which one patient's DICOM lies, or a Patient ID that
    several issuers gave: they may be any of theirs."""
    names = {owner.key for owner in by_path.values()}
    folders = {str(PurePosixPath(relative).parent) for relative, _ in by_header}
    bare = {relative for relative, _ in by_path}
    called = paths.folder_keys(folders, bare, _names(bare))
    inside: dict[str, set[str]] = defaultdict(set)
    for (relative, _), owner in by_header.items():
        inside[called.get(str(PurePosixPath(relative).parent), "")].add(owner.key)
        if "\0" in owner.key and (patient := owner.key.partition("\0")[0]) in names:
            sets.join(patient, owner.key)
    for name in inside.keys() & names:
        if len(inside[name]) == 1:
            sets.join(name, *inside[name])

"""The seal of a folder: what every file in it was when it was finished, so that whoever opens it can tell.

seal.json   {"kind", "files": {name: {"bytes", "sha256"}}, "alive", "next", "audited", "changes", "digest"}

A folder is checked whenever it is opened: first that no file is missing, added or of another size; then those files
are read again that were touched after the seal was last found whole (its own time of modification says when). Times
alone never condemn a folder: a copy, whose times are all new, is read once and then opens as fast as the original.
`thorough()` reads every file again.

A seal finds damage and mistakes. It is not signed: who forges it on purpose is not kept out.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from medattngan.core.files import UserError, atomic_path, digest, read_json, write_json

SEAL = "seal.json"
NOT_OURS = ("Thumbs.db", "desktop.ini", "Icon\r")
"""What file managers leave behind, besides names that begin with a dot."""
MARGIN_NS = 2_000_000_000
"""Clocks of file systems are as coarse as this (FAT): a file touched so shortly before a check is read again."""

AGAIN = {
    "store": "copy it again or ingest the scans again",
    "samples": "copy it again or sample again",
    "run": "copy it again or train again",
    "checkpoint": "remove it to use the one before",
    "scores": "copy it again or evaluate again",
    "audit": "copy it again or audit again",
    "encoder": "copy it again or train the encoder again",
    "segmentation": "copy it again or evaluate again",
    "explanation": "copy it again or explain again",
    "exploration": "copy it again or explore again",
    "utility": "copy it again or run utility again in another --out",
    "statistics": "copy it again or run review stats again",
    "study": "put back a copy of the study",
    "dicom": "copy it again or export again",
    "pairs": "copy it again or export again",
    "latents": "copy it again or encode again",
    "anomalies": "copy it again or look for anomalies again",
}
"""What mends a damaged folder, by its kind."""
CHANGEABLE = ("store", "samples", "run", "dicom")
"""Kinds that people may have a reason to change; results and reader studies are made again."""

_THOROUGH: ContextVar[bool] = ContextVar("thorough", default=False)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a file was: its size, and SHA-256 of its bytes."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Fact:
        """What the file at `path` is now."""
        return cls(path.stat().st_size, digest(path))


@dataclass(frozen=True)
class Seal:
    """What seal.json holds.

    Args:
        kind: a key of AGAIN.
        files: by name, with slashes, relative to the folder.
        alive: patterns of names that may come, change and go: what is still written to, or has a seal of its own.
        next: files about to be replaced, as they will be: until that is done, a file may be either.
        audited: what the files were that an audit judged, and its verdict, when it had written that down.
        changes: what was changed on purpose, and why (see `reseal`).
    """

    kind: str
    files: dict[str, Fact]
    alive: tuple[str, ...] = ()
    next: dict[str, Fact] = field(default_factory=dict)
    audited: dict[str, Fact] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def altered_since_audit(self) -> bool:
        """Whether what an audit judged, or its verdict, is not what it was then."""
        return any(self.files.get(name) != fact for name, fact in self.audited.items())

    @property
    def digest(self) -> str:
        """SHA-256 of all that is sealed."""
        return _digest(asdict(self))

    def write(self, folder: Path) -> None:
        """Write it, atomically."""
        record = asdict(self)
        write_json(folder / SEAL, {**record, "digest": _digest(record)})

    @classmethod
    def read(cls, folder: Path, kind: str) -> Seal:
        """The seal of `folder`.

        Raises:
            UserError: it is missing, damaged, or of a folder of another kind.
        """
        cure = AGAIN[kind]
        if not (folder / SEAL).is_file():
            raise UserError(f"{folder} is damaged: {SEAL} is missing; {cure}.")
        found = read_json(folder / SEAL)
        try:
            told = found.pop("digest")
            for name in ("files", "next", "audited"):
                found[name] = {file: Fact(**fact) for file, fact in found[name].items()}
            seal = cls(**{**found, "alive": tuple(found["alive"])})
            whole = seal.digest == told and seal.kind == kind
        except (AttributeError, KeyError, TypeError):
            whole = False
        if not whole:
            raise UserError(f"{folder} is damaged: {SEAL} was damaged or edited; {cure}.")
        return seal


def _digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


@contextmanager
def thorough(wanted: bool = True) -> Iterator[None]:
    """Within this, whoever opens a folder has every file of it read and compared."""
    token = _THOROUGH.set(wanted or _THOROUGH.get())
    try:
        yield
    finally:
        _THOROUGH.reset(token)


def is_thorough() -> bool:
    """Whether folders are to be read whole when they are opened."""
    return _THOROUGH.get()


def seal(folder: Path, kind: str, *, alive: Sequence[str] = ()) -> Seal:
    """Seal all files of `folder` but those of `alive`; the last thing to be written into a folder."""
    made = Seal(kind, {name: Fact.of(folder / name) for name in _names(folder, alive)}, tuple(alive))
    made.write(folder)
    return made


def check(folder: Path, kind: str, *, additions: bool = False) -> Seal:
    """Find out whether `folder` is still what was sealed, but for files that were added where there may be `additions`.

    Raises:
        UserError: naming the first file that is missing, new or another, and the cure.
    """
    started = time.time_ns()
    known = Seal.read(folder, kind)
    since = (folder / SEAL).stat().st_mtime_ns
    alive = ("*",) if additions else known.alive
    present = set(_names(folder, alive)) | {name for name in known.files if (folder / name).is_file()}
    for name in sorted(known.files.keys() - present - known.next.keys()):
        raise _damage(folder, kind, f"{name} is missing")
    for name in sorted(present - known.files.keys() - known.next.keys()):
        raise _damage(folder, kind, f"{name} does not belong to it")
    touched = False
    for name in sorted(present):
        allowed = [facts[name] for facts in (known.files, known.next) if name in facts]
        size, time_ns = _state(folder / name)
        if size not in [fact.bytes for fact in allowed]:
            raise _damage(folder, kind, f"{name} has {size:,} bytes where {allowed[0].bytes:,} were written")
        if _THOROUGH.get() or time_ns >= since or since > started:
            touched = True
            if digest(folder / name) not in [fact.sha256 for fact in allowed]:
                raise _damage(folder, kind, f"{name} is not what was written")
    if touched:
        _found_whole(folder, started)
    return known


def replace_file(
    folder: Path, kind: str, name: str, write: Callable[[Path], None], *, audited: Sequence[str] = ()
) -> None:
    """Replace a sealed file, or add one, so that a process killed at any moment leaves a whole folder.

    Args:
        write: is given the path of a file to make.
        audited: the file is the verdict of an audit: it and what it judged, by their names.
    """
    known = _settled(Seal.read(folder, kind), folder)
    with atomic_path(folder / name) as temporary:
        write(temporary)
        fact = Fact.of(temporary)
        replace(known, next={name: fact}).write(folder)
    files = {**known.files, name: fact}
    judged = {one: files[one] for one in audited} or known.audited
    replace(known, files=files, next={}, audited=judged).write(folder)


def _settled(known: Seal, folder: Path) -> Seal:
    """What a killed replacement had announced is sealed where it came to be, before another is announced."""
    there = {name: fact for name, fact in known.next.items() if (folder / name).is_file()}
    came = {name: fact for name, fact in there.items() if Fact.of(folder / name) == fact}
    return replace(known, files={**known.files, **came}, next={})


def forget(folder: Path, kind: str, name: str) -> None:
    """Remove a file that can be made again, changed or whole, and take it out of the seal."""
    known = Seal.read(folder, kind)
    files = {one: fact for one, fact in known.files.items() if one != name}
    if files != known.files:
        replace(known, files=files, next={one: fact for one, fact in known.next.items() if one != name}).write(folder)
        (folder / name).unlink(missing_ok=True)


def unfinish(folder: Path, kind: str, keep: Sequence[str], alive: Sequence[str]) -> None:
    """Go on writing in a folder that was found whole: from now on only the files `keep` are sealed."""
    known = Seal.read(folder, kind)
    kept = {name: fact for name, fact in known.files.items() if name in keep}
    replace(known, files=kept, alive=tuple(alive)).write(folder)


def finish(folder: Path, kind: str, alive: Sequence[str]) -> None:
    """Nothing more is written to the folder, which was whole until now: seal every file but those of `alive`."""
    known = check(folder, kind)
    files = {name: Fact.of(folder / name) for name in _names(folder, alive)}
    replace(known, files=files, alive=tuple(alive)).write(folder)


def changes(folder: Path, known: Seal) -> list[str]:
    """The names of files that are not what was sealed: changed, missing or new."""
    present = set(_names(folder, known.alive)) | {name for name in known.files if (folder / name).is_file()}
    other = {n for n in present & known.files.keys() if Fact.of(folder / n) not in (known.files[n], known.next.get(n))}
    return sorted(other | (present ^ known.files.keys()))


def _names(folder: Path, alive: Sequence[str]) -> list[str]:
    """Every file of `folder` by its name, but the seal, what is hidden, and what is alive."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        base = Path(root).relative_to(folder)
        for file in sorted(files):
            name = (base / file).as_posix()
            skipped = file.startswith(".") or file in NOT_OURS or name == SEAL
            if not skipped and not any(fnmatch(name, pattern) for pattern in alive):
                found.append(name)
    return found


def _state(path: Path) -> tuple[int, int]:
    """Size, and when a file was last touched, ns. Where there is a time of change (not on Windows), it counts too:
    no program can set that one back."""
    found = path.stat()
    changed = found.st_mtime_ns if sys.platform == "win32" else found.st_ctime_ns
    return found.st_size, max(found.st_mtime_ns, changed)


def _found_whole(folder: Path, started_ns: int) -> None:
    """Note in the time of seal.json that all was well when the check began."""
    try:
        os.utime(folder / SEAL, ns=(started_ns - MARGIN_NS, started_ns - MARGIN_NS))
    except OSError:
        return  # Not ours to write to: then it is read whole again the next time.


def _damage(folder: Path, kind: str, what: str) -> UserError:
    meant = f"; if it was changed on purpose: medattngan reseal {folder} --reason TEXT"
    return UserError(f"{folder} is damaged: {what}; {AGAIN[kind]}{meant if kind in CHANGEABLE else '.'}")

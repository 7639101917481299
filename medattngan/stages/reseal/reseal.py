"""Seal a folder anew after it was changed on purpose, and write into it what changed and why.

A store gets the digest of what it now holds, so that nothing made from it before passes for made from it now. Samples
that were audited must be audited again before they are exported: the seal remembers what the audit saw.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from medattngan.core.files import UserError, read_json, write_json
from medattngan.core.locks import only_writer
from medattngan.core.seal import AGAIN, CHANGEABLE, SEAL, Fact, Seal, changes
from medattngan.data.store import SliceStore, content_digest

PROVENANCE = "provenance.json"


def reseal(folder: str | Path, reason: str) -> list[str]:
    """Take `folder` for whole as it is now; the names of the files that had changed.

    The record is in provenance.json under `resealed`: the reason, and of every changed file the SHA-256 before and
    after (None where there was no such file); of a store also both digests. Where there is no such file: in seal.json.

    Raises:
        UserError: it has no seal, is of a kind that is made again instead, has not changed, or cannot be read.
    """
    folder = Path(folder)
    if not reason.strip():
        raise UserError("--reason is empty; say in a few words why the folder was changed.")
    with only_writer(folder):
        known = Seal.read(folder, _kind(folder))
        if not (names := changes(folder, known)):
            raise UserError(f"{folder} is what was sealed; there is nothing to reseal.")
        record: dict[str, Any] = {"reason": reason, "files": {name: _change(folder, known, name) for name in names}}
        if (folder / PROVENANCE).is_file():
            _note(folder, known.kind, record)
        else:
            known = replace(known, changes=[*known.changes, record])
        gone = {name for name in names if not (folder / name).is_file()}
        present = {*known.files, *names} - gone
        files = {name: Fact.of(folder / name) for name in sorted(present)}
        replace(known, files=files, next={}).write(folder)
        if known.kind == "store":
            SliceStore.open(folder)
    return names


def _kind(folder: Path) -> str:
    """What the folder is, by its seal.

    Raises:
        UserError: it has none, or what it is cannot be changed on purpose.
    """
    if not (folder / SEAL).is_file():
        raise UserError(f"{folder} has no {SEAL}, so that nobody can say what changed; make the folder again.")
    record = read_json(folder / SEAL)
    kind = record.get("kind") if isinstance(record, dict) else None
    if kind not in AGAIN:
        raise UserError(f"{folder / SEAL} was damaged or edited; copy the folder again or make it again.")
    if kind not in CHANGEABLE:
        raise UserError(f"{folder} is not to be changed by hand ({kind}); {AGAIN[kind]}.")
    return str(kind)


def _change(folder: Path, known: Seal, name: str) -> dict[str, str | None]:
    before, path = known.files.get(name), folder / name
    return {"before": before.sha256 if before else None, "after": Fact.of(path).sha256 if path.is_file() else None}


def _note(folder: Path, kind: str, record: dict[str, Any]) -> None:
    """Add `record` to provenance.json."""
    provenance = read_json(folder / PROVENANCE)
    if not isinstance(provenance, dict):
        raise UserError(f"{folder / PROVENANCE} is not what medattngan wrote; copy the folder again or make it again.")
    if kind == "store":
        digest = content_digest(folder)
        record = {**record, "digest_before": provenance.get("digest"), "digest_after": digest}
        provenance["digest"] = digest
    write_json(folder / PROVENANCE, {**provenance, "resealed": [*provenance.get("resealed", []), record]})

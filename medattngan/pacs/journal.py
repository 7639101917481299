"""The journal: one row for all that happens to an instance, on the disk before the next thing happens.

A CSV that only grows. An instance's last row is what became of it. `sending` is written before the bytes go
out, so that a push that was killed knows which instances it must ask about.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from medattngan.core.files import UserError, naming
from medattngan.core.spreadsheets import defuse, restore
from medattngan.pacs.instances import Instance
from medattngan.pacs.outcomes import DONE, STATES, UNSURE, Outcome

COLUMNS = ("time", "state", "sop_instance_uid", "sha256", "file", "detail")
"""`time` is UTC. `state` is a key of STATES, or one of EVENTS."""
EVENTS: dict[str, str] = {
    "push": "a push began; detail names the server",
    "allow-unmarked": "it may send files without synthetic marks; detail is the reason",
    "allow-letters": "it may send files that show letters; detail is the reason",
    "not-dicom": "a file that is not sent",
    "copy": "a file that is byte for byte another one",
    "stopped": "a push ended before its time; detail says why",
}

CELL = 1000
"""Characters of a cell; what a server says may be longer."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


@dataclass
class Journal:
    """A journal, open for one push. `states` holds each instance's last state and `known` the bytes it stands for."""

    path: Path
    server: str
    states: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    _descriptor: int = -1

    @classmethod
    def open(cls, path: Path, server: str) -> Journal:
        """Open the journal at `path`, or begin it.

        Raises:
            UserError: another push has it open, it is no journal, or it is one of another server.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = cls(path, server, _descriptor=os.open(path, _FLAGS, 0o644))
        try:
            _lock(journal._descriptor, path)
            journal._read()
        except BaseException:
            journal.close()
            raise
        return journal

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; every row is on the disk already."""
        os.close(self._descriptor)

    def state(self, instance: Instance) -> str:
        """The instance's last state, or the empty text where it was never sent."""
        return self.states.get(instance.sop_instance_uid, "")

    def write(self, state: str, instances: Sequence[Instance], detail: str = "") -> None:
        """Append one row for each of the instances; see `record`."""
        self.record([(one, Outcome(state, detail)) for one in instances])

    def record(self, outcomes: Sequence[tuple[Instance, Outcome]]) -> None:
        """Append a row for each instance with its outcome; they are on the disk when this returns."""
        now = _now()
        self._append([(now, it.state, one.sop_instance_uid, one.sha256, one.name, it.detail) for one, it in outcomes])
        self.states.update({one.sop_instance_uid: it.state for one, it in outcomes})

    def note(self, event: str, detail: str = "", files: Sequence[str] = ("",)) -> None:
        """Append rows that are about no instance. `event` is a key of EVENTS."""
        now = _now()
        self._append([(now, event, "", "", name, detail) for name in files])

    def _read(self) -> None:
        content = _content(self._descriptor)
        header = (",".join(COLUMNS) + "\n").encode()
        if not content.startswith(header) and not header.startswith(content):
            raise UserError(f"{self.path} is not a journal of push; give another --out.")
        whole = content[: content.rfind(b"\n") + 1]
        os.ftruncate(self._descriptor, len(whole))  # a row cut off by a kill never took effect
        if not whole:
            self._append([COLUMNS])
            _sync_folder(self.path.parent)
        server, sent_to = "", dict[str, str]()
        for row in list(csv.reader(io.StringIO(whole.decode("utf-8", errors="replace"), newline="")))[1:]:
            if len(row) != len(COLUMNS):
                raise UserError(f"{self.path} was edited: a row has {len(row)} fields; give another --out.")
            _, state, uid, sha, _, detail = map(restore, row)
            server = detail if state == "push" else server
            if state in STATES:
                self.states[uid], self.known[uid], sent_to[uid] = state, sha, server
        # What nobody has, by the last word on it, may go to another server.
        there = (sent_to[uid] for uid, state in self.states.items() if state in (*DONE, *UNSURE))
        if other := next((server for server in there if server != self.server), None):
            raise UserError(f"{self.path} is the journal of a push to {other}; give another --out.")

    def _append(self, rows: Sequence[Sequence[str]]) -> None:
        if not rows:
            return
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([[_cell(value) for value in row] for row in rows])
        content = text.getvalue().encode("utf-8", errors="backslashreplace")
        with naming(self.path, self.path):
            while content:
                content = content[os.write(self._descriptor, content) :]
            os.fsync(self._descriptor)


def _cell(value: str) -> str:
    """One line, and nothing that a spreadsheet would compute."""
    flat = "".join(letter if letter.isprintable() else " " for letter in value)[:CELL]
    return defuse(flat)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _content(descriptor: int) -> bytes:
    parts = []
    os.lseek(descriptor, 0, os.SEEK_SET)
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _sync_folder(folder: Path) -> None:
    """Put the new file's name on the disk too."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    """Keep a second push from the same journal; the lock goes with the process. Windows has no such lock."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UserError(f"another push is writing {path}; wait for it, or give another --out.") from None

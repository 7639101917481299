"""The SQLite file of a study: links, orders, every version of every read. What is acknowledged is on the disk.

Write-ahead log with `synchronous=FULL`: a commit returns after its pages were handed to the disk, so a process killed
afterwards loses nothing (https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medattngan.core.files import UserError
from medattngan.review.connection import SCHEMA, connect, identity, require_tables
from medattngan.review.links import hash_secret, new_secret
from medattngan.review.protocol import Answers

SESSION_DAYS = 30
SESSIONS_KEPT = 20
"""A reader's newest sessions; older ones must take the link again."""


class RefusedError(Exception):
    """A read that the protocol does not take. The message is one sentence; `status` is that of HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Session:
    """Who sent a request, and the CSRF token that the request must carry if it writes."""

    reader: int
    csrf: str


@dataclass(frozen=True)
class Read:
    """One version of one read.

    Args:
        reader: from 1.
        n: the position in this reader's order, from 1.
        case: the index into cases.npy.
        answers: question id → answer.
        milliseconds: that the reader took.
        received_at: UTC, ISO 8601.
    """

    reader: int
    n: int
    case: int
    answers: Answers
    milliseconds: int
    received_at: str


class Database:
    """A study's SQLite file, open. One connection, one lock: a handful of readers write a few times a minute."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"{path} does not exist; make a study with: medattngan review create")
        self._lock = threading.Lock()
        self._connection = connect(path)
        self._path, self._identity = path.resolve(), identity(path)
        try:
            require_tables(self._connection, path)
        except UserError:
            self._connection.close()
            raise

    @classmethod
    def create(cls, path: Path, orders: Sequence[Sequence[int]]) -> list[str]:
        """Make the file with one reader per order (cases in the order shown); return the readers' link tokens.

        Only their hashes are kept: the tokens returned are the only copy.
        """
        tokens = [new_secret() for _ in orders]
        connection = connect(path)
        try:
            connection.executescript(SCHEMA)
            with connection:
                for reader, (token, order) in enumerate(zip(tokens, orders, strict=True), start=1):
                    connection.execute("INSERT INTO readers VALUES (?, ?)", (reader, hash_secret(token)))
                    rows = [(reader, n, int(case)) for n, case in enumerate(order, start=1)]
                    connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        finally:
            connection.close()
        return tokens

    def close(self) -> None:
        """Finish the write in progress, fold the log into the file and let go of it."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One durable change: other processes wait, and it is committed to the disk or not there at all."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    # Who is reading

    def readers(self) -> list[int]:
        """All readers' numbers."""
        return [int(row[0]) for row in self._rows("SELECT reader FROM readers ORDER BY reader")]

    def open_session(self, token: str) -> str | None:
        """A new session for whoever holds this link; None where no reader has it."""
        found = self._rows("SELECT reader FROM readers WHERE link = ?", hash_secret(token))
        if not found:
            return None
        reader, session = int(found[0][0]), new_secret()
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)", (hash_secret(session), reader, new_secret(), now)
            )
            connection.execute(
                "DELETE FROM sessions WHERE reader = ? AND session NOT IN "
                "(SELECT session FROM sessions WHERE reader = ? ORDER BY created_at DESC LIMIT ?)",
                (reader, reader, SESSIONS_KEPT),
            )
        return session

    def session(self, secret: str) -> Session | None:
        """Whose session this is; None where it is nobody's, or too old."""
        oldest = (datetime.now(UTC) - timedelta(days=SESSION_DAYS)).isoformat(timespec="microseconds")
        query = "SELECT reader, csrf FROM sessions WHERE session = ? AND created_at > ?"
        rows = self._rows(query, hash_secret(secret), oldest)
        return Session(int(rows[0]["reader"]), str(rows[0]["csrf"])) if rows else None

    def replace_link(self, reader: int) -> str:
        """A new link for one reader; the old one and all sessions opened with it end.

        Raises:
            UserError: there is no such reader.
        """
        token = new_secret()
        with self._transaction() as connection:
            changed = connection.execute("UPDATE readers SET link = ? WHERE reader = ?", (hash_secret(token), reader))
            if changed.rowcount == 0:
                raise UserError(f"there is no reader {reader} in this study; see: medattngan review status STUDY")
            connection.execute("DELETE FROM sessions WHERE reader = ?", (reader,))
        return token

    # What was read

    def case(self, reader: int, n: int) -> int | None:
        """The index into cases.npy of case `n` in this reader's order; None where there is none."""
        rows = self._rows("SELECT case_index FROM orders WHERE reader = ? AND n = ?", reader, n)
        return int(rows[0][0]) if rows else None

    def progress(self, reader: int) -> tuple[list[int], int | None]:
        """The cases (in this reader's order, from 1) that have an answer, and the first that has none."""
        with self._lock:
            return _progress(self._connection, reader)

    def newest(self, reader: int, n: int) -> Read | None:
        """The read of case `n` that counts; None before there is one."""
        rows = self._rows("SELECT * FROM reads WHERE reader = ? AND n = ? ORDER BY id DESC LIMIT 1", reader, n)
        return _read(rows[0]) if rows else None

    def all_newest(self) -> list[Read]:
        """The reads that count: the newest per reader and case, by reader and position."""
        query = "SELECT * FROM reads WHERE id IN (SELECT max(id) FROM reads GROUP BY reader, n) ORDER BY reader, n"
        return [_read(row) for row in self._rows(query)]

    def save(
        self, reader: int, n: int, read_id: str, answers: Answers, milliseconds: int, *, back_allowed: bool
    ) -> tuple[list[int], int | None]:
        """Keep one read and return `progress` after it. When this returns, the read is on the disk.

        Sent again with the same `read_id`, a read is acknowledged again and kept once, also after closing.

        Raises:
            RefusedError: the study is closed, the protocol forbids it, `read_id` stood for another read, or the file is
                no longer where it was opened.
        """
        text = json.dumps(answers, sort_keys=True, ensure_ascii=False)
        with self._transaction() as connection:
            if identity(self._path) != self._identity:
                # SQLite would go on writing into a file that was deleted, and the read would be gone with it.
                raise RefusedError(503, "The study is not where it was; what you entered is kept and sent again.")
            known = connection.execute("SELECT * FROM reads WHERE read_id = ?", (read_id,)).fetchone()
            if known is not None:
                if (known["reader"], known["n"], known["answers"]) != (reader, n, text):
                    raise RefusedError(409, "This read_id was used for another read; make a new one.")
                return _progress(connection, reader)
            if connection.execute("SELECT 1 FROM state WHERE key = 'closed_at'").fetchone():
                raise RefusedError(410, "The study is closed; it takes no more answers.")
            found = connection.execute("SELECT case_index FROM orders WHERE reader = ? AND n = ?", (reader, n))
            case = found.fetchone()
            if case is None:
                raise RefusedError(404, f"There is no case {n}.")
            if not back_allowed:
                _require_next(n, *_progress(connection, reader))
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            connection.execute(
                "INSERT INTO reads (reader, n, case_index, read_id, answers, milliseconds, received_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (reader, n, case[0], read_id, text, milliseconds, now),
            )
            return _progress(connection, reader)

    # The end

    def closed_at(self) -> str | None:
        """When the study was closed (UTC, ISO 8601); None while it is open."""
        rows = self._rows("SELECT value FROM state WHERE key = 'closed_at'")
        return str(rows[0][0]) if rows else None

    def note_look(self) -> None:
        """Write down that the findings were looked at before the end; the first time counts."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO state VALUES ('looked_at', ?)", (now,))

    def looked_at(self) -> str | None:
        """When the findings were first looked at before the end (UTC, ISO 8601); None where nobody did."""
        rows = self._rows("SELECT value FROM state WHERE key = 'looked_at'")
        return str(rows[0][0]) if rows else None

    def newest_id(self) -> int:
        """Grows with every read kept."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM reads")[0][0])

    def mark_closed(self, *, incomplete: bool) -> None:
        """Take no more reads from now on; closing twice keeps the first time.

        Raises:
            UserError: a reader has unread cases and `incomplete` is false.
        """
        with self._transaction() as connection:
            query = "SELECT reader, count(*) FROM orders o WHERE NOT EXISTS (SELECT 1 FROM reads r WHERE"
            query += " r.reader = o.reader AND r.n = o.n) GROUP BY reader ORDER BY reader"
            unread = [(int(row[0]), int(row[1])) for row in connection.execute(query)]
            if unread and not incomplete:
                listed = ", ".join(f"reader-{reader} ({count})" for reader, count in unread)
                raise UserError(f"cases are unread by {listed}; wait for them, or close with --incomplete.")
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            connection.execute("INSERT OR IGNORE INTO state VALUES ('closed_at', ?)", (now,))


def _progress(connection: sqlite3.Connection, reader: int) -> tuple[list[int], int | None]:
    query = "SELECT DISTINCT n FROM reads WHERE reader = ? ORDER BY n"
    answered = [int(row[0]) for row in connection.execute(query, (reader,))]
    query = "SELECT min(n) FROM orders WHERE reader = ? AND n NOT IN (SELECT n FROM reads WHERE reader = ?)"
    following = connection.execute(query, (reader, reader)).fetchone()[0]
    return answered, None if following is None else int(following)


def _require_next(n: int, answered: list[int], following: int | None) -> None:
    """Where the protocol forbids going back, the next unread case is the only one that may be answered."""
    if n in answered:
        raise RefusedError(409, f"Case {n} is answered; this study does not allow changes.")
    if n != following:
        raise RefusedError(409, f"Case {following} comes before case {n}; this study is read in order.")


def _read(row: sqlite3.Row) -> Read:
    answers: Answers = json.loads(row["answers"])
    return Read(
        int(row["reader"]), int(row["n"]), int(row["case_index"]), answers, int(row["milliseconds"]),
        str(row["received_at"]),
    )  # fmt: skip

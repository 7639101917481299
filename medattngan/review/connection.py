"""The tables of a study's SQLite file, and connections to it that lose nothing.

Write-ahead log with `synchronous=FULL`: a commit returns after its pages were handed to the disk, so a process killed
afterwards loses nothing (https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from medattngan.core.files import UserError

SCHEMA = """
CREATE TABLE readers (reader INTEGER PRIMARY KEY, link TEXT NOT NULL UNIQUE);
CREATE TABLE orders (
    reader INTEGER NOT NULL REFERENCES readers, n INTEGER NOT NULL, case_index INTEGER NOT NULL,
    PRIMARY KEY (reader, n), UNIQUE (reader, case_index)
);
CREATE TABLE sessions (
    session TEXT PRIMARY KEY, reader INTEGER NOT NULL REFERENCES readers, csrf TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE reads (
    id INTEGER PRIMARY KEY AUTOINCREMENT, reader INTEGER NOT NULL REFERENCES readers, n INTEGER NOT NULL,
    case_index INTEGER NOT NULL, read_id TEXT NOT NULL UNIQUE, answers TEXT NOT NULL, milliseconds INTEGER NOT NULL,
    received_at TEXT NOT NULL
);
CREATE INDEX reads_of_reader ON reads (reader, n, id);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that waits for others, commits durably, and leaves transactions to us."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except sqlite3.DatabaseError:
        connection.close()
        raise UserError(f"{path} is damaged or cannot be written; put back a copy of the study.") from None
    if mode != "wal":
        connection.close()
        raise UserError(f"{path} lies on a disk without a write-ahead log; move the study to a local disk.")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def identity(path: Path) -> tuple[int, int] | None:
    """Which file stands at `path`: its device and number; None where none does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def require_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is empty, cut off, or another program's."""
    try:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.DatabaseError:
        rows = []
    if not {"readers", "orders", "sessions", "reads", "state"} <= {str(row[0]) for row in rows}:
        raise UserError(f"{path} is damaged: it has no tables of a study; put back a copy of the study.")

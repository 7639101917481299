"""A server that is killed or ended in the middle of reading: no acknowledged read is lost, none is there twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from helpers.review_cases import CLIENTS, Made, Reader, fetch, make_study

from medattngan.review.database import Database, Read

READERS, CASES = 4, 24


@contextmanager
def process(study: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`medattngan review serve` as a process of its own, up and answering."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "medattngan", "review", "serve", str(study), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and server.poll() is None:
            try:
                fetch(address)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield server, address
    finally:
        while CLIENTS:
            CLIENTS.pop().close()
        server.kill()
        server.communicate()


@dataclass
class Ledger:
    """What readers sent and what was acknowledged: read_id → (reader, n, milliseconds)."""

    sent: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    acknowledged: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)


class Workload:
    """Four readers who read all they can until the server is gone."""

    def __init__(self, made: Made, address: str, ledger: Ledger) -> None:
        self.ledger = ledger
        readers = [Reader(address, token) for token in made.tokens]
        self.threads = [threading.Thread(target=self._read, args=pair) for pair in enumerate(readers, start=1)]
        for thread in self.threads:
            thread.start()

    def _read(self, number: int, reader: Reader) -> None:
        milliseconds = 0
        while True:
            for n in range(1, CASES + 1):
                milliseconds += 1
                read_id = str(uuid.uuid4())
                self.ledger.sent[read_id] = (number, n, milliseconds)
                try:
                    answer = reader.put(n, read_id=read_id, milliseconds=milliseconds)
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    self.ledger.unexpected.append(answer.text)
                    return
                self.ledger.acknowledged[read_id] = (number, n, milliseconds)

    def join(self) -> None:
        """Wait for the readers to notice that the server is gone."""
        for thread in self.threads:
            thread.join()


def every_read(study: Path) -> list[tuple[str, int, int, int]]:
    """All versions that the file holds: (read_id, reader, n, milliseconds)."""
    database = Database(study / "study.sqlite")
    rows = database._rows("SELECT read_id, reader, n, milliseconds FROM reads")
    assert database._rows("PRAGMA integrity_check")[0][0] == "ok"
    database.close()
    return [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows]


def newest(study: Path) -> list[Read]:
    """The reads that count."""
    database = Database(study / "study.sqlite")
    try:
        return database.all_newest()
    finally:
        database.close()


def assert_nothing_lost_or_doubled(study: Path, ledger: Ledger) -> None:
    """What was acknowledged is there once and as sent; what else is there was sent."""
    stored = every_read(study)
    ids = [row[0] for row in stored]
    assert len(ids) == len(set(ids))
    found = {row[0]: row[1:] for row in stored}
    assert {read_id: found.get(read_id) for read_id in ledger.acknowledged} == ledger.acknowledged
    assert set(found) <= set(ledger.sent)
    assert ledger.unexpected == []


@pytest.mark.slow
def test_kill_9_during_four_readers_reads_loses_and_doubles_nothing(tmp_path: Path) -> None:
    made = make_study(tmp_path / "killed", count=CASES // 2, readers=READERS)
    ledger = Ledger()
    for _ in range(3):
        before = len(ledger.acknowledged)
        with process(made.path) as (server, address):
            work = Workload(made, address, ledger)
            time.sleep(0.5)
            os.kill(server.pid, signal.SIGKILL)
            work.join()
        assert len(ledger.acknowledged) > before
        assert_nothing_lost_or_doubled(made.path, ledger)
    # What got no answer is sent again to the next server, as the page does, and is there once after that.
    unanswered = set(ledger.sent) - set(ledger.acknowledged)
    assert unanswered
    with process(made.path) as (_, address):
        readers = [Reader(address, token) for token in made.tokens]
        for read_id in [*unanswered, *unanswered]:
            number, n, milliseconds = ledger.sent[read_id]
            sent = readers[number - 1].put(n, read_id=read_id, milliseconds=milliseconds)
            assert sent.status_code == 200
    ids = [row[0] for row in every_read(made.path)]
    assert len(ids) == len(set(ids))
    assert unanswered <= set(ids)
    assert len({(read.reader, read.n) for read in newest(made.path)}) == len(newest(made.path))


@pytest.mark.slow
def test_ending_the_server_finishes_the_writes_it_has_begun(tmp_path: Path) -> None:
    made = make_study(tmp_path / "ended", count=CASES // 2, readers=READERS)
    ledger = Ledger()
    with process(made.path) as (server, address):
        work = Workload(made, address, ledger)
        time.sleep(0.5)
        server.terminate()
        _, complaints = server.communicate(timeout=30)
        work.join()
    assert server.returncode == -signal.SIGTERM
    assert complaints == b""
    assert_nothing_lost_or_doubled(made.path, ledger)
    # The log is folded in: the file alone is the whole study.
    assert [file.name for file in made.path.glob("study.sqlite*")] == ["study.sqlite"]


@pytest.mark.slow
def test_ctrl_c_ends_the_server_without_a_complaint(tmp_path: Path) -> None:
    made = make_study(tmp_path / "interrupted")
    with process(made.path) as (server, _):
        server.send_signal(signal.SIGINT)
        _, complaints = server.communicate(timeout=30)
    assert server.returncode == 0
    assert complaints == b""

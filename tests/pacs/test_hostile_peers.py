"""Whatever a DIMSE peer sends, a push ends soon and in one sentence."""

from __future__ import annotations

import itertools
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.push_cases import history, no_wait
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import SecondaryCaptureImageStorage, StudyRootQueryRetrieveInformationModelFind

from medattngan.core.files import UserError
from medattngan.pacs import bounded_association, dimse
from medattngan.pacs.push import PushReport, push

pytestmark = pytest.mark.filterwarnings("ignore:.*<socket:pytest.PytestUnraisableExceptionWarning")
QUICK = {"acse_timeout": 1.0, "dimse_timeout": 1.0, "network_timeout": 1.0, "connection_timeout": 1.0}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time, so that the tests need little too."""
    monkeypatch.setattr(bounded_association, "PDU_S", 0.5)
    initialise = dimse.DimseServer.__init__

    def impatient(self: dimse.DimseServer, *given: Any) -> None:
        initialise(self, *given)
        for name, seconds in QUICK.items():
            setattr(self._entity, name, seconds)

    monkeypatch.setattr(dimse.DimseServer, "__init__", impatient)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)


@contextmanager
def peer(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """A peer that reads the request for an association and then does `act`; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connected, _ = listener.accept()
                with connected, suppress(OSError):
                    connected.settimeout(1)
                    connected.recv(65536)
                    act(connected)
                    while connected.recv(65536):
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def send(folder: Path, port: int, out: Path, **options: object) -> PushReport:
    given = {"called_aet": "ANY", "retry": no_wait(1)[0], "progress": False} | options
    return push(folder, dimse=f"127.0.0.1:{port}", out=out, **given)  # type: ignore[arg-type]


def rejection(result: int, source: int, diagnostic: int) -> bytes:
    return struct.pack(">BBLBBBB", 3, 0, 4, 0, result, source, diagnostic)


@pytest.mark.parametrize("codes", [(1, 1, 42), (1, 9, 1), (2, 3, 99), (7, 1, 1), (0, 0, 0), (255, 255, 255)])
def test_a_rejection_by_reserved_codes_is_one_sentence(
    codes: tuple[int, int, int], exported: Path, tmp_path: Path
) -> None:
    with peer(lambda it: it.sendall(rejection(*codes))) as port, pytest.raises(UserError) as raised:
        send(exported, port, tmp_path / "push.csv")
    assert str(port) in str(raised.value)


def test_every_rejection_has_words() -> None:
    assert all(dimse._said(source, diagnostic) for source in range(256) for diagnostic in range(256))


def dribble(connected: socket.socket) -> None:
    connected.sendall(struct.pack(">BBL", 2, 0, 1000))
    for _ in range(100):
        connected.sendall(b"\x00")
        time.sleep(0.05)


ACTS: dict[str, Callable[[socket.socket], object]] = {
    "nothing": lambda it: None,
    "it hangs up": lambda it: it.shutdown(socket.SHUT_RDWR),
    "4 GB": lambda it: it.sendall(struct.pack(">BBL", 2, 0, 0xFFFFFFFF) + bytes(1 << 20)),
    "a length and nothing": lambda it: it.sendall(struct.pack(">BBL", 2, 0, 1000)),
    "a byte at a time": dribble,
    "half a header": lambda it: it.sendall(b"\x02\x00\x00"),
    "an unknown PDU": lambda it: it.sendall(struct.pack(">BBL", 99, 0, 4) + bytes(4)),
    "an acceptance of zeros": lambda it: it.sendall(struct.pack(">BBL", 2, 0, 68) + bytes(68)),
    "HTTP": lambda it: it.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "data before an association": lambda it: it.sendall(struct.pack(">BBL", 4, 0, 10) + bytes(10)),
}


@pytest.mark.parametrize("name", ACTS)
def test_a_peer_that_does_not_associate_is_one_sentence_soon(name: str, exported: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    with peer(ACTS[name]) as port:  # type: ignore[arg-type]
        with pytest.raises(UserError, match=r"nothing was sent|accepts neither"):
            send(exported, port, tmp_path / "push.csv")
        assert time.monotonic() - start < 4


def test_a_name_that_nobody_knows_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing was sent"):
        push(exported, dimse="pacs.invalid:104", called_aet="ANY", out=tmp_path / "push.csv", retry=no_wait(1)[0])


@pytest.mark.parametrize("address", ["me:s3cret@pacs:104", "s3cret@pacs:104", "pacs/s3cret:104", "pacs?s3cret:104"])
def test_a_secret_in_the_address_is_refused_and_not_shown(address: str, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="HOST:PORT") as raised:
        push(exported, dimse=address, called_aet="ANY", out=tmp_path / "push.csv")
    assert "s3cret" not in str(raised.value)


@contextmanager
def archive(find: Callable[[Any], Any], store: Callable[[Any], Any], maximum: int = 16382) -> Iterator[int]:
    """A peer of pynetdicom's own with these handlers; its port."""
    entity = AE(ae_title="ANY")
    entity.maximum_pdu_size = maximum
    entity.add_supported_context(SecondaryCaptureImageStorage)
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    handlers: list[Any] = [(evt.EVT_C_FIND, find), (evt.EVT_C_STORE, store)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def endless(event: Any) -> Iterator[tuple[int, Dataset]]:
    for number in itertools.count():
        if not event.assoc.is_established:
            return
        found = Dataset()
        found.QueryRetrieveLevel = "IMAGE"
        found.SOPInstanceUID = f"1.2.{number}"
        yield 0xFF00, found


@pytest.mark.slow
def test_matches_without_an_end_are_left(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimse, "SEARCH_S", 0.3)
    with archive(endless, lambda event: 0) as port:
        report = send(exported, port, tmp_path / "push.csv")
    assert report.count("stored") == 5


@pytest.mark.slow
def test_matches_of_too_many_bytes_are_left(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_association, "MOST_BYTES", 20_000)
    with archive(endless, lambda event: 0) as port:
        report = send(exported, port, tmp_path / "push.csv")
    assert report.count("stored") == 5


@pytest.mark.slow
def test_a_store_that_is_not_answered_is_of_unknown_outcome(exported: Path, tmp_path: Path) -> None:
    def find(event: Any) -> Iterator[tuple[int, None]]:
        yield 0xC000, None

    ended = threading.Event()
    with archive(find, lambda event: 0 * ended.wait(3)) as port:
        start = time.monotonic()
        report = send(exported, port, tmp_path / "push.csv")
        ended.set()
    assert time.monotonic() - start < 15
    assert not report.ok
    assert {states[-1] for states in history(tmp_path / "push.csv").values() if states} <= {"unknown"}


@pytest.mark.slow
def test_a_peer_that_takes_a_few_bytes_at_a_time_is_one_sentence(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for maximum in (1, 6, 7):
        with (
            archive(lambda event: iter(()), lambda event: 0, maximum) as port,
            pytest.raises(UserError, match="bytes at a time"),
        ):
            send(exported, port, tmp_path / f"{maximum}.csv")


def test_the_meter_reads_what_comes_in_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"abcdef")

        class Connection:
            socket = ours

        meter = bounded_association.Meter()
        assert meter._receive(Connection(), 6) == b"abcdef"  # type: ignore[arg-type]
        with pytest.raises(OSError, match="too long"):
            meter._receive(Connection(), 1 << 31)  # type: ignore[arg-type]
        with pytest.raises(TimeoutError):
            meter._receive(Connection(), 1)  # type: ignore[arg-type]

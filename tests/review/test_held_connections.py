"""No connection that does nothing, or little, keeps a reader from reading."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from helpers.certificates import make_certificate
from helpers.review_cases import Made, Reader, fetch, make_study, serving

from medattngan.core.addresses import neighbourhood
from medattngan.review import connections
from medattngan.review.connections import Connection
from medattngan.review.serve import allow_files, configure, event_loop
from medattngan.review.server import LINK_TRIES

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
PUT = b"PUT /api/reads/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_study(tmp_path_factory.mktemp("held") / "study")


@pytest.fixture
def address(made: Made) -> Iterator[str]:
    with serving(made.path) as address:
        yield address


def dial(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=5)


def seconds_open(connected: socket.socket, send: bytes, again: bytes = b"", every_s: float = 0.05) -> float:
    """How long the server keeps a connection over which this is sent, and `again` now and then."""
    start = time.monotonic()
    connected.settimeout(every_s)
    with suppress(ConnectionError):
        connected.sendall(send)
        while time.monotonic() - start < 5:
            with suppress(TimeoutError):
                if not connected.recv(65536):
                    break
            connected.sendall(again)
    return time.monotonic() - start


@pytest.mark.parametrize("sent", [b"", pytest.param(b"GET / HT", marks=pytest.mark.slow), HEAD], ids=str)
def test_hundreds_of_half_open_connections_turn_no_reader_away(address: str, made: Made, sent: bytes) -> None:
    allow_files()
    with ExitStack() as stack:
        for _ in range(600):
            stack.enter_context(dial(address)).sendall(sent)
        reader = Reader(address, made.tokens[0])
        assert reader.entered.status_code == 303
        assert reader.http.get("/api/cases/1/pixels").status_code == 200
        assert reader.put(1).status_code == 200


def test_hundreds_of_half_sent_bodies_turn_no_reader_away(address: str, made: Made) -> None:
    allow_files()
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(dial(address)).sendall(PUT)
        assert Reader(address, made.tokens[0]).put(2).status_code == 200


@pytest.mark.parametrize(
    ("phase", "send", "again"),
    [
        ("head", b"", b""),
        ("head", HEAD, b""),
        ("head", HEAD, b"X-A: b\r\n"),
        ("head", HEAD + b"X-A: ", b"a"),
        ("body", PUT, b""),
        ("body", PUT, b" "),
        ("body", PUT.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked"), b"1\r\n \r\n"),
    ],
)
def test_what_comes_too_slowly_is_cut_off(
    phase: str, send: bytes, again: bytes, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.SECONDS, phase, 0.4)
    with dial(address) as connected:
        assert 0.3 < seconds_open(connected, send, again) < 2


def served(size: int) -> Iterator[tuple[str, int]]:
    """An application whose every answer has `size` bytes, served as a study is."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        while scope["type"] == "lifespan":
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(configure(answer, host="127.0.0.1", port=0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def large() -> Iterator[tuple[str, int]]:
    yield from served(32 << 20)


def test_an_answer_that_nobody_reads_is_dropped(large: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.SECONDS, "answer", 0.4)
    with socket.create_connection(large, timeout=5) as connected:
        connected.sendall(HEAD + b"\r\n")
        time.sleep(1)
        received = 0
        with suppress(ConnectionError):
            while part := connected.recv(1 << 20):
                received += len(part)
        assert received < 32 << 20


def test_an_answer_that_is_read_slowly_comes_whole(large: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.SECONDS, "head", 0.1)
    with socket.create_connection(large, timeout=5) as connected:
        connected.sendall(HEAD + b"Connection: close\r\n\r\n")
        received = 0
        while part := connected.recv(4 << 20):
            received += len(part)
            time.sleep(0.02)
        assert received > 32 << 20


def test_a_head_too_long_is_refused(address: str) -> None:
    with dial(address) as connected:
        connected.sendall(HEAD + b"X-A: " + b"a" * 40_000)
        assert connected.recv(65536).startswith(b"HTTP/1.1 400 ")


def connection(address: str, opened: float, phase: str) -> Connection:
    """A connection as `_least_wanted` sees it."""
    made = Connection.__new__(Connection)
    made.origin, made.opened = neighbourhood(address), opened
    made.transport = SimpleNamespace(get_write_buffer_size=lambda: 0)  # type: ignore[assignment]
    made.cycle = None if phase == "head" else SimpleNamespace(response_complete=False, more_body=phase == "body")
    return made


@pytest.mark.parametrize(
    ("others", "gone"),
    [
        ([("1.1.1.1", 3, "head"), ("1.1.1.1", 2, "head"), ("2.2.2.2", 1, "head")], 1),
        ([("1.1.1.1", 3, "head"), ("1.1.1.1", 2, "body"), ("2.2.2.2", 1, "head")], 1),
        ([("1.1.1.1", 3, "head"), ("1.1.1.1", 2, "answer"), ("2.2.2.2", 1, "head")], 0),
        ([("1.1.1.1", 3, "answer"), ("1.1.1.1", 2, "answer"), ("2.2.2.2", 1, "head")], 1),
        ([("2001:db8::1", 3, "head"), ("2001:db8::2", 2, "head"), ("2001:db8:1::", 1, "head")], 1),
        ([("::ffff:1.1.1.1", 3, "head"), ("1.1.1.1", 2, "answer"), ("2.2.2.2", 1, "head")], 0),
    ],
)
def test_the_oldest_without_a_request_of_the_address_with_the_most_goes(
    others: list[tuple[str, float, str]], gone: int
) -> None:
    opened = [connection(*other) for other in others]
    assert connections._least_wanted(opened) is opened[gone]


@pytest.mark.slow
def test_strangers_who_try_links_lock_no_reader_out(made: Made) -> None:
    with serving(made.path) as address:
        answers = [fetch(f"{address}/r/wrong-{number}").status_code for number in range(LINK_TRIES + 5)]
        assert answers == [404] * LINK_TRIES + [429] * 5
        assert Reader(address, made.tokens[0]).http.get("/api/study").status_code == 200


def test_a_handshake_that_does_not_go_on_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.review.serve.HANDSHAKE_SECONDS", 0.3)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(tmp_path))

    async def hold() -> float:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            start = time.monotonic()
            with suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return time.monotonic() - start

    open_it: Callable[[], asyncio.AbstractEventLoop] = lambda: event_loop(secure=True)  # noqa: E731
    with asyncio.Runner(loop_factory=open_it) as runner:
        assert runner.run(hold()) < 2

"""Whatever an HTTP server answers, a push ends soon, in little memory and in one sentence, and its journal is right."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers.fake_pacs import Act, FakePacs
from helpers.push_cases import NOBODY, history, no_wait, rows_of

from medattngan.core.files import UserError
from medattngan.pacs import allowance, http, stow
from medattngan.pacs.answers import read_answer, retry_after_s
from medattngan.pacs.credentials import Credentials
from medattngan.pacs.http import Answer
from medattngan.pacs.outcomes import STATES
from medattngan.pacs.push import push

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"
SECONDS = 0.4
"""What a request may take in these tests."""


@contextmanager
def raw_server(*pieces: bytes, pause_s: float = 0.0, forever: bytes = b"", search: bytes = b"") -> Iterator[str]:
    """A server that answers each POST with `pieces`, then `forever` on and on; each GET with `search`, or alike."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def answer(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.settimeout(5)
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += peer.recv(65536)
            if asked.startswith(b"GET") and search:
                peer.sendall(search)
                return
            for piece in itertools.chain(pieces, itertools.repeat(forever) if forever else ()):
                peer.sendall(piece)
                if ended.wait(pause_s):
                    return
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass

    def serve() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=answer, args=(listener.accept()[0],)))
                threads[-1].start()

    threads = [threading.Thread(target=serve)]
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/dicom-web"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join()


NOTHING_THERE = b"HTTP/1.1 204 No Content\r\n\r\n"


def store(folder: Path, url: str, out: Path) -> tuple[int, float]:
    """Push to a server that has nothing and answers oddly; how many are unknown or failed, and the seconds it took."""
    start = time.monotonic()
    report = push(folder, url=url, out=out, credentials=NOBODY, retry=no_wait(1)[0], progress=False)
    seconds = time.monotonic() - start
    assert report.sentence().count("\n") == 0
    assert all(set(states) <= set(STATES) for states in history(out).values())
    return report.count("unknown", "failed", "sending"), seconds


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time and room, so that the tests need little too."""
    monkeypatch.setattr(http, "ANSWER_S", SECONDS)
    monkeypatch.setattr(http, "SLOWEST", 1 << 40)
    monkeypatch.setattr(http, "MOST_BYTES", 1 << 20)


SLOW: dict[str, dict[str, object]] = {
    "a byte of the status at a time": {"pieces": [b"H"], "forever": b"T", "pause_s": 0.05},
    "a byte of a header at a time": {"pieces": [OK, b"X-A: "], "forever": b"a", "pause_s": 0.05},
    "a byte of the body at a time": {"pieces": [OK, b"\r\n"], "forever": b" ", "pause_s": 0.05},
    "a chunk at a time": {
        "pieces": [OK, b"Transfer-Encoding: chunked\r\n\r\n"],
        "forever": b"1\r\n \r\n",
        "pause_s": 0.05,
    },
    "interim answers": {"pieces": [], "forever": b"HTTP/1.1 100 Continue\r\n\r\n", "pause_s": 0.01},
    "nothing": {"pieces": [], "forever": b"\x00", "pause_s": 30.0},
}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", SLOW)
def test_a_server_that_dribbles_is_left_after_its_time(name: str, exported: Path, tmp_path: Path) -> None:
    how = dict(SLOW[name])
    with raw_server(*how.pop("pieces"), **how, search=NOTHING_THERE) as url:  # type: ignore[misc, arg-type]
        lost, seconds = store(exported, url, tmp_path / "push.csv")
    assert lost == 5
    assert seconds < 4 * SECONDS + 1


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "status": (b"HTTP/1.1 200 ", b"O" * 65536),
    "headers": (OK, b"X-A: b\r\n" * 4096),
    "a header": (OK + b"X-A: ", b"a" * 65536),
    "a body": (OK + b"\r\n", b" " * 65536),
    "a body of a length": (OK + b"Content-Length: 99999999999999999999\r\n\r\n", b" " * 65536),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "a chunk of negative length": (OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", b" " * 65536),
    "a chunk's extension": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 4096),
    "interim answers": (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 2048),
}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", ENDLESS)
def test_a_server_without_an_end_is_left_after_its_bytes(name: str, exported: Path, tmp_path: Path) -> None:
    begin, forever = ENDLESS[name]
    with raw_server(begin, forever=forever, search=NOTHING_THERE) as url:
        lost, seconds = store(exported, url, tmp_path / "push.csv")
    assert lost == 5
    assert seconds < 4 * SECONDS + 1


def body(content: bytes, *headers: bytes) -> bytes:
    return (
        OK + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(content) + content
    )


DEEP = b"[" * 200_000 + b"]" * 200_000
BOMB = gzip.compress(bytes(64 << 20))
ODD: dict[str, bytes] = {
    "nothing at all": b"",
    "no HTTP": b"\x00\xff\x15\x03\x01 hello",
    "a status that is no number": b"HTTP/1.1 \xb200 OK\r\n\r\n",
    "a length too long": OK + b"Content-Length: 100\r\n\r\n[]",
    "a length that is no number": OK + b"Content-Length: \xb2\r\n\r\n[]",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n[]",
    "chunks that are none": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n",
    "chunks cut off": OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\n[]",
    "a deep nesting": body(DEEP),
    "a deep nesting of objects": body(b'{"a":' * 100_000),
    "a number too long": body(b"[" + b"9" * 100_000 + b"]"),
    "an unknown coding": body(b"[]", b"Content-Encoding: br"),
    "codings on one another": body(b"[]", b"Content-Encoding: gzip, gzip"),
    "gzip that is none": body(b"[]", b"Content-Encoding: gzip"),
    "a bomb": body(BOMB, b"Content-Encoding: gzip"),
    "a bomb of another kind": body(zlib.compress(bytes(64 << 20)), b"Content-Encoding: deflate"),
    "another kind of answer": body(
        b"--b\r\nContent-Type: application/dicom\r\n\r\n", b"Content-Type: multipart/related"
    ),
    "numbers for text": body(b'{"00081199": {"Value": [{"00081155": {"Value": [1, null, {"a": []}]}}]}}'),
    "text for objects": body(b'{"00081199": {"Value": "abc"}, "00081198": 7}'),
    "busy, without a number": b"HTTP/1.1 503 Busy\r\nRetry-After: \xb2\r\n\r\n",
    "busy for long": b"HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 99999999999 23:59:59 GMT\r\n\r\n",
}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", ODD)
def test_an_answer_to_a_store_that_is_none_leaves_the_outcome_open(name: str, exported: Path, tmp_path: Path) -> None:
    with raw_server(ODD[name], search=NOTHING_THERE) as url:
        lost, _ = store(exported, url, tmp_path / "push.csv")
    assert lost == 5
    assert {states[-1] for states in history(tmp_path / "push.csv").values()} <= {"unknown", "failed"}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", ODD)
def test_an_answer_to_a_search_that_is_none_is_one_sentence_or_no_search(
    name: str, exported: Path, tmp_path: Path
) -> None:
    said = ""
    with raw_server(ODD[name], search=ODD[name] or b"\r\n") as url:
        try:
            store(exported, url, tmp_path / "push.csv")
        except UserError as error:
            said = str(error)
    states = {row["state"] for row in rows_of(tmp_path / "push.csv")}
    assert said.endswith("nothing was sent.") == bool(said) == (states == {"push"})


@pytest.mark.usefixtures("short")
def test_a_search_with_pages_without_end_is_left(
    exported: Path, pacs: FakePacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = itertools.count()

    def search(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        pacs.searches += 1
        return 200, json.dumps([{"00080018": {"vr": "UI", "Value": [f"1.2.{next(number)}"]}}]).encode()

    monkeypatch.setattr(pacs, "search", search)
    monkeypatch.setattr(stow, "PAGES", 20)
    report = push(exported, url=pacs.url, out=tmp_path / "push.csv", credentials=NOBODY, progress=False)
    assert report.count("stored") == 5
    assert pacs.searches == 40  # before, and to confirm
    monkeypatch.setattr(stow, "PAGES", 10**9)
    monkeypatch.setattr(stow, "SEARCH_S", 0.1)
    pacs.acts += [Act(hang_up=True)] * 5
    report = push(
        exported, url=pacs.url, out=tmp_path / "two.csv", credentials=NOBODY, progress=False, retry=no_wait()[0]
    )
    assert report.count("unknown") == 5
    assert any("and no end" in row["detail"] for row in rows_of(tmp_path / "two.csv"))


def test_a_server_that_does_not_take_what_is_sent_is_left(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "LONGEST_WAIT_S", 0.3)
    monkeypatch.setattr(http, "LONGEST_WAIT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server = http.Http(f"http://127.0.0.1:{listener.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(http.NoAnswer) as raised:
            server.ask("POST", "studies", headers={}, body=bytes(64 << 20))
        assert raised.value.taken
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "value",
    [
        "²", "٣", "-1", "+5", "1e9", "inf", "nan", "0x10", "1_000", " ", "", "9" * 5000, "7 s", "7, 8", "0 0 0", "Mon",
        "Fri, 31 Dec 99999999999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 +9999", "Fri, 99 Xyz 2000 99:99:99 GMT",
        "," * 60, "Wed, 21 Oct 2015 07:28:00 " + "x" * 100_000,
    ],
)  # fmt: skip
def test_a_wait_that_is_no_number_or_date_is_none(value: str) -> None:
    assert retry_after_s(value) == 0.0


def test_a_wait_that_is_a_number_or_a_date_is_kept() -> None:
    assert retry_after_s(" 120\t") == 120.0
    assert retry_after_s("999999999") == 999_999_999.0
    assert retry_after_s("Fri, 31 Dec 9999 23:59:59 GMT") > 1e9


@pytest.mark.parametrize("code", [True, -1, 65536, 1.5, "²", "-7", "٣", None, [], "9" * 5000, 10**4000])
def test_a_reason_that_is_no_code_is_none(code: object) -> None:
    said = {"00081198": {"Value": [{"00081155": {"Value": ["1.2"]}, "00081197": {"Value": [code]}}]}}
    outcome = read_answer(Answer(409, {}, json.dumps(said).encode()))["1.2"]
    assert (outcome.state, outcome.detail) == ("refused", "the server gives no reason")


def test_a_redirect_is_not_followed_and_gets_no_credentials(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    for status in (301, 302, 303, 307, 308):
        moved = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\n\r\n" % (status, pacs.url.encode())
        with raw_server(moved) as url, pytest.raises(UserError, match="sends elsewhere"):
            push(exported, url=url, out=tmp_path / "push.csv", credentials=Credentials(token="abc"), progress=False)
        (tmp_path / "push.csv").unlink()
    assert pacs.searches == 0
    assert pacs.authorizations == set()

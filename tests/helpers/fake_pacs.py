"""A small DICOMweb server in this process that misbehaves when told to."""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom


@dataclass
class Act:
    """What to do with one STOW request.

    Args:
        status: the HTTP status.
        keep: whether the instances are stored.
        headers: of the answer.
        codes: failure reasons, by the place of the instance in the request; those are not stored.
        mention: whether the answer says what became of each.
        hang_up: close the connection in place of an answer.
    """

    status: int = 200
    keep: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    codes: dict[int, int] = field(default_factory=dict)
    mention: bool = True
    hang_up: bool = False


@dataclass
class FakePacs:
    """What the server holds, what it got, and what it will do: `acts` for the next STOW requests, then all is well."""

    url: str = ""
    acts: deque[Act] = field(default_factory=deque)
    held: dict[str, tuple[str, str]] = field(default_factory=dict)
    posts: list[list[str]] = field(default_factory=list)
    searches: int = 0
    authorizations: set[str | None] = field(default_factory=set)
    search_status: int = 200
    search_body: bytes | None = None
    page: int = 1000
    most: int = 10**6
    poison: str = ""
    wants: str | None = None

    def sent(self) -> list[str]:
        """Every SOP Instance UID as often as it came in."""
        return sorted(uid for post in self.posts for uid in post)

    def store(self, parts: list[bytes]) -> tuple[int, dict[str, str], bytes, bool]:
        """Take a STOW request: status, headers, body of the answer, and whether to hang up instead."""
        headers = [pydicom.dcmread(io.BytesIO(part), stop_before_pixels=True) for part in parts]
        uids = [str(one.SOPInstanceUID) for one in headers]
        self.posts.append(uids)
        if len(uids) > self.most:
            return 413, {}, b"", False
        if self.poison in uids:
            return 400, {}, b"", False
        act = self.acts.popleft() if self.acts else Act()
        stored, failed = [], []
        for place, (uid, one) in enumerate(zip(uids, headers, strict=True)):
            if place in act.codes:
                failed.append({"00081155": _value("UI", uid), "00081197": _value("US", act.codes[place])})
                continue
            stored.append({"00081155": _value("UI", uid)})
            if act.keep:
                self.held[uid] = (str(one.StudyInstanceUID), str(one.SeriesInstanceUID))
        said = {"00081199": {"vr": "SQ", "Value": stored}} if stored else {}
        said |= {"00081198": {"vr": "SQ", "Value": failed}} if failed else {}
        body = json.dumps(said).encode() if act.mention and act.status in (200, 202, 409) else b""
        return act.status, act.headers, body, act.hang_up

    def search(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Take a QIDO request: status and body of the answer."""
        self.searches += 1
        if self.search_status != 200 or self.search_body is not None:
            return self.search_status, self.search_body or b""
        study, series = re.fullmatch(r".*/studies/([\d.]+)/series/([\d.]+)/instances", path).groups()  # type: ignore[union-attr]
        found = sorted(uid for uid, place in self.held.items() if place == (study, series))
        start = int(query["offset"][0])
        page = found[start : start + min(self.page, int(query["limit"][0]))]
        return 200, json.dumps([{"00080018": _value("UI", uid)} for uid in page]).encode()


def _value(vr: str, value: object) -> dict[str, object]:
    return {"vr": vr, "Value": [value]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pacs: FakePacs

    def do_GET(self) -> None:
        if self._known():
            parts = urlsplit(self.path)
            self._answer(*self.pacs.search(parts.path, parse_qs(parts.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._known():
            return
        kind = Message()
        kind["Content-Type"] = self.headers["Content-Type"]
        boundary = str(kind.get_param("boundary")).encode()
        assert kind.get_param("type") == "application/dicom"
        assert body.endswith(b"\r\n--" + boundary + b"--\r\n")
        pieces = body.split(b"--" + boundary + b"\r\n")[1:]
        parts = [piece.split(b"\r\n\r\n", 1)[1] for piece in pieces]
        parts = [part.removesuffix(b"--" + boundary + b"--\r\n").removesuffix(b"\r\n") for part in parts]
        status, headers, said, hang_up = self.pacs.store(parts)
        if hang_up:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(status, said, headers)

    def _known(self) -> bool:
        self.pacs.authorizations.add(self.headers["Authorization"])
        if self.pacs.wants is not None and self.headers["Authorization"] != self.pacs.wants:
            self._answer(401, b"")
            return False
        return True

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def fake_pacs(certificate: Path | None = None) -> Iterator[FakePacs]:
    """A server on a free port of loopback; with TLS where `certificate` is a PEM of key and certificate."""
    pacs = FakePacs()
    handler = type("Handler", (_Handler,), {"pacs": pacs})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    pacs.url = f"{scheme}://127.0.0.1:{server.server_port}/dicom-web"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield pacs
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

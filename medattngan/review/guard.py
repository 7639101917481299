"""What every request must pass before any endpoint sees it, and what every response carries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 256 * 1024
"""Bytes of a request's body: the longest free text for each of the most questions fits."""
LENGTH_DIGITS = 20
"""Digits of a Content-Length: Python refuses to read thousands of them."""
PATH_LIMIT = 200
"""Characters of a path; a personal link has 35."""

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),  # the link must not travel on
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""The same on every response, errors included."""


class Guard:
    """Checks the Host header (against DNS rebinding), the Origin of what writes, and the length of the body."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        if refusal := self._refusal(scope):
            await _answer(send_guarded, *refusal)
            return
        body = await _read(receive)
        if body is None:
            await _answer(send_guarded, 413, f"The body is longer than {BODY_LIMIT} bytes.")
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, receive_whole, send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or _name(host) not in self.hosts:
            return 400, "This server does not answer under that name."
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host.lower():
            return 403, "Requests from other sites are not taken."
        if len(scope["path"]) > PATH_LIMIT:
            return 414, "The address is too long."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > LENGTH_DIGITS or int(length) > BODY_LIMIT:
            return 413, f"The body is longer than {BODY_LIMIT} bytes."
        return None


def _name(host: str) -> str:
    """A Host header without its port, in lower case.

    >>> _name("[::1]:8765"), _name("LOCALHOST:1"), _name("a.b@c")
    ('[::1]', 'localhost', 'a.b@c')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _host_of(origin: str) -> str:
    """The host and port of an Origin header in lower case; empty for one that has none, or is no address.

    >>> _host_of("https://A.b:1"), _host_of("null"), _host_of("http://[")
    ('a.b:1', '', '')
    """
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


async def _read(receive: Receive) -> bytes | None:
    """The body, whole; None where it is too long. A client that goes away leaves an empty one."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body", False):
            return body


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""HTTP that a hostile or broken server cannot hold, fill or redirect, and whose secrets go to that server alone.

A connection a request. Nothing comes from the environment but the proxies for https://, where the proxy sees the
server's name and no more (CONNECT, RFC 9110 9.3.6); http:// and loopback never go through one, since a proxy would read
the credentials. Neither ~/.netrc nor cookies nor redirects are followed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from medattngan.core.addresses import is_loopback
from medattngan.core.files import UserError
from medattngan.pacs.allowance import LONGEST_WAIT_S, Allowance, BoundedBody, BoundedResponse
from medattngan.pacs.outcomes import NoAnswer

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies, select_proxy
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError, NewConnectionError
except ImportError as error:
    raise UserError("push --url needs requests: pip install 'medattngan[push]'.") from error

CONNECT_S = 10.0
ANSWER_S = 300.0
"""For one request and its answer, from beginning to end."""
SLOWEST = 64 * 1024
"""Bytes a second at which a body may go out; the time that takes comes on top."""
MOST_BYTES = 32 << 20
"""Of an answer, as it comes and decoded: 32 MiB are a thousand instances with all of their headers."""
_PIECE = 64 * 1024


class TooLarge(NoAnswer):
    """An answer without end."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole. `headers` are found in any case of their names."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the server is content."""
        return self.status < 400


class Http:
    """One server.

    Args:
        root: its address, without a slash at its end.
        authorization: the header's value; empty for none.
        ca: certificates to trust in place of the usual ones, PEM.
    """

    def __init__(self, root: str, authorization: str = "", ca: Path | None = None) -> None:
        self._root = root
        self._authorization = authorization
        self._verify: bool | str = True if ca is None else str(ca)
        self.host = urlsplit(root).hostname or ""
        self._proxies = proxies_for(root)

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str], params: Mapping[str, Any] | None = None,
        body: bytes = b"",
    ) -> Answer:  # fmt: skip
        """One request, sent once, and its answer.

        Raises:
            NoAnswer: none came, or none that can be read.
            UserError: the server cannot be spoken to.
        """
        allowance = Allowance(ANSWER_S + len(body) / SLOWEST, MOST_BYTES)
        with requests.Session() as session:
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            adapter = _Adapter(allowance)
            for scheme in ("http://", "https://"):
                session.mount(scheme, adapter)
            session.headers.update({"Accept-Encoding": "identity", "Connection": "close"})
            if self._authorization:
                session.headers["Authorization"] = self._authorization
            try:
                with session.request(
                    method, f"{self._root}/{path}", params=params, headers=dict(headers),
                    data=BoundedBody(body, allowance) if body else None, timeout=(CONNECT_S, ANSWER_S),
                    verify=self._verify, proxies=self._proxies, allow_redirects=False, stream=True,
                ) as response:  # fmt: skip
                    coding = response.headers.get("Content-Encoding", "")
                    content = self._decoded(_read(response.raw), coding, allowance)
                    return Answer(response.status_code, response.headers, content)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                raise self._lost(error, allowance) from None

    def _decoded(self, content: bytes, coding: str, allowance: Allowance) -> bytes:
        """Undo gzip, which some servers use unasked; a few kilobytes may stand for gigabytes."""
        if coding.strip().lower() in ("", "identity"):
            return content
        if coding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
            raise NoAnswer(f"{self.host} answers in a coding that was not asked for")
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either header
        try:
            decoded = decoder.decompress(content, MOST_BYTES)
        except zlib.error:
            raise NoAnswer(f"the answer of {self.host} is damaged") from None
        if decoder.unconsumed_tail:
            allowance.take(len(content) + MOST_BYTES)
        return decoded

    def _lost(self, error: Exception, allowance: Allowance) -> NoAnswer | UserError:
        """What to say of a request without an answer."""
        if allowance.spent:
            kind = TooLarge if allowance.most_bytes < 0 else NoAnswer
            return kind(f"{self.host} {allowance.spent}")
        if isinstance(error, requests.exceptions.SSLError):
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return UserError(f"the certificate of {self.host} is not trusted; give its authority's with --ca FILE.")
            return NoAnswer(f"TLS with {self.host} failed", taken=False)
        if isinstance(error, requests.exceptions.Timeout | TimeoutError) or "ReadTimeout" in type(error).__name__:
            connected = not isinstance(error, requests.exceptions.ConnectTimeout)
            return NoAnswer(f"{self.host} did not answer in time", taken=connected, reached=connected)
        if isinstance(error, requests.exceptions.ProxyError):
            return NoAnswer(f"the proxy does not reach {self.host}", taken=False, reached=False)
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return UserError(f"{self.host} cannot be reached this way; check --url and the proxy for https.")
        cause = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(cause, NewConnectionError):
            return NoAnswer(f"{self.host} cannot be reached", taken=False, reached=False)
        return NoAnswer(f"the connection to {self.host} broke")


def proxies_for(url: str) -> dict[str, str]:
    """The proxy of the environment (`https_proxy`, `all_proxy`, `no_proxy`) for `url`; none unless it is encrypted.

    >>> proxies_for("http://pacs.example.org"), proxies_for("https://127.0.0.1")
    ({}, {})
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or is_loopback(parts.hostname or ""):
        return {}
    proxy = select_proxy(url, get_environ_proxies(url))
    return {"https": proxy} if proxy else {}


def _read(raw: Any) -> bytes:
    """The body as it comes; its bytes are counted where they come in."""
    parts = []
    while part := raw.read(_PIECE, decode_content=False):
        parts.append(part)
    return b"".join(parts)


class _Patient(HTTPConnection):
    """A connection that lets a server pause while it takes what is sent, for longer than a connection may take."""

    def connect(self) -> None:
        """Connect, then wait longer."""
        super().connect()
        self.sock.settimeout(LONGEST_WAIT_S)


class _Adapter(HTTPAdapter):
    """Connections whose answers are read against an allowance, directly or through a proxy."""

    def __init__(self, allowance: Allowance) -> None:
        response = {"response_class": staticmethod(partial(BoundedResponse, allowance=allowance))}
        plain = type("Plain", (_Patient, HTTPConnection), response)
        secure = type("Secure", (_Patient, HTTPSConnection), response)
        self._pools = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """As requests does, with our connections."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        """As requests does, with our connections."""
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def close(self) -> None:
        """Close the connections now; urllib3 leaves them until the pools are collected."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - its pools can only be iterated by their keys
                manager.pools[key].close()
        super().close()

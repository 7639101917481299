"""Start the server of a reader study, and end it without losing a write."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from medattngan.core.addresses import is_loopback
from medattngan.core.files import UserError
from medattngan.review.connections import HEAD_BYTES, Connection
from medattngan.review.database import Database
from medattngan.review.links import new_secret
from medattngan.review.server import build_app
from medattngan.review.study import Study

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
HANDSHAKE_SECONDS = 10.0
FILES = 8192
_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
SHUTDOWN_SECONDS = 10
"""How long requests in progress may take to end; a write that has begun is never cut off."""


def serve_study(
    path: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    expose: bool = False,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    names: Sequence[str] = (),
    interim: bool = False,
) -> None:
    """Serve the study at `path` until SIGINT or SIGTERM; requests in progress are answered first.

    The link of the owner's page is printed: who has it sees how far readers are, and the findings once the study is
    closed. In a notebook, interrupt the cell to stop.

    Args:
        host: the address to listen at. Any other than this machine's own needs `expose`, `tls_cert` and `tls_key`.
        names: further names that readers reach it by; requests under any other name are refused.
        interim: show the owner the findings so far, before the study is closed; the study notes the look.

    Raises:
        UserError: there is no study, or it may not be served there.
    """
    study = Study.open(path)
    _check_exposure(host, expose, tls_cert, tls_key)
    _check_names(host, names)
    secure = tls_cert is not None
    _require_free(host, port)
    owner = new_secret()
    app = build_app(
        study, Database(study.database), [*LOOPBACK_NAMES, _in_url(host), *names], secure=secure, owner=owner,
        interim=interim,
    )  # fmt: skip
    config = configure(app, host=host, port=port, tls_cert=tls_cert, tls_key=tls_key)
    try:
        config.load()
    except ssl.SSLError as error:
        raise UserError(f"--tls-cert {tls_cert} and --tls-key {tls_key} cannot be used ({error.reason}).") from None
    allow_files()
    server = uvicorn.Server(config)
    address = f"{'https' if secure else 'http'}://{names[0] if names else _in_url(host)}:{port}"
    print(f"{path} is served at {address}; press Ctrl+C to stop", flush=True)
    print(f"owner  {address}/owner/{owner}", flush=True)
    try:
        _run(server, secure=secure)
    except KeyboardInterrupt:
        # Raised again by uvicorn once all is written and closed.
        print("the server has stopped; every acknowledged answer is stored", flush=True)


def _run(server: uvicorn.Server, *, secure: bool) -> None:
    """Run until it is told to stop; in a thread of its own where this one has a loop that runs, as notebooks do."""

    def run() -> None:
        with asyncio.Runner(loop_factory=partial(event_loop, secure=secure)) as runner:
            runner.run(server.serve())

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run()
        return
    beside = threading.Thread(target=run)
    beside.start()
    try:
        beside.join()
    finally:
        server.should_exit = True
        beside.join()


def event_loop(*, secure: bool) -> asyncio.AbstractEventLoop:
    """A loop whose servers do not wait for a TLS handshake for long, which uvicorn leaves at a minute."""
    loop = asyncio.new_event_loop()
    if secure:
        create = partial(loop.create_server, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        loop.create_server = create  # type: ignore[method-assign]
    return loop


def allow_files() -> None:
    """Let this process have as many connections as it may: handshakes that have not ended count as well."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def configure(
    app: ASGIApp, *, host: str, port: int, tls_cert: Path | None = None, tls_key: Path | None = None
) -> uvicorn.Config:
    """How uvicorn serves a study: one process, requests in progress are answered before it ends."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,  # its lines would hold the personal links
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=tls_cert,
        ssl_keyfile=None if tls_key is None else str(tls_key),
    )


def _check_exposure(host: str, expose: bool, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Other machines may reach the server only by an explicit wish and over TLS."""
    for option, file in (("--tls-cert", tls_cert), ("--tls-key", tls_key)):
        if file is not None and not file.is_file():
            raise UserError(f"{option} {file} does not exist; give a PEM file.")
    if (tls_cert is None) != (tls_key is None):
        raise UserError("--tls-cert and --tls-key belong together; give both or neither.")
    if is_loopback(host):
        return
    if not expose:
        raise UserError(f"--host {host} lets other machines in; say so with --expose, or leave --host out.")
    if tls_cert is None:
        raise UserError(
            f"--host {host} needs --tls-cert and --tls-key: links and answers must not be sent unencrypted."
        )
    print(f"warning: other machines can reach this server at {host}; whoever has a link can read", file=sys.stderr)


def _check_names(host: str, names: Sequence[str]) -> None:
    """Refuse names that no Host header can match: every reader would be turned away."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise UserError(f"--name {name!r} is not a host's name; write it without scheme and port: ct.example.org.")
    if host in ("0.0.0.0", "::") and not names:
        raise UserError(f"--host {host} is no address to ask for; give the one in the readers' links with --name.")


def _require_free(host: str, port: int) -> None:
    """Refuse before anything is said of a server that then would not start."""
    try:
        # Not on Windows, where this option lets two servers have one port (as in asyncio's own servers).
        reuse = sys.platform != "win32"
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                if reuse:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        cure = "stop the program that listens there, or give another --host or --port"
        raise UserError(f"{_in_url(host)}:{port} cannot be bound ({error.strerror}); {cure}.") from None


def _in_url(host: str) -> str:
    """An address as it stands in a URL and in the Host header.

    >>> _in_url("::1"), _in_url("127.0.0.1")
    ('[::1]', '127.0.0.1')
    """
    return f"[{host}]" if ":" in host else host

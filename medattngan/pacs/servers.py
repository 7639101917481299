"""The server that a push was asked to send to: STOW-RS by its URL, or C-STORE by host and port."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from medattngan.core.addresses import why_unfit
from medattngan.core.files import UserError
from medattngan.pacs.credentials import Credentials
from medattngan.pacs.deliver import Server
from medattngan.pacs.instances import Instance

AET_MAX = 16


@dataclass(frozen=True)
class Asked:
    """Where to, and how; the arguments of `push`."""

    url: str | None
    dimse: str | None
    called_aet: str | None
    calling_aet: str
    ca: Path | None
    tls: bool
    plain_http: bool


def open_server(asked: Asked, credentials: Credentials, instances: tuple[Instance, ...]) -> Server:
    """The server, which is to be closed.

    Raises:
        UserError: there are two addresses or none, or an option is not possible.
    """
    if (asked.url is None) == (asked.dimse is None):
        raise UserError("give --url URL or --dimse HOST:PORT, and one of them only.")
    alien = (
        {"--tls": asked.tls, "--aet": asked.called_aet} if asked.url is not None else {"--plain-http": asked.plain_http}
    )
    if stray := [name for name, value in alien.items() if value]:
        other = "--dimse" if asked.url is not None else "--url"
        raise UserError(f"{stray[0]} is for {other}; leave it out, or send there.")
    if asked.url is not None:
        return _stow(asked.url, credentials, asked.ca, asked.plain_http)
    return _dimse(str(asked.dimse), asked.called_aet, asked.calling_aet, instances, asked.ca, asked.tls)


def _stow(url: str, credentials: Credentials, ca: Path | None, plain_http: bool) -> Server:
    from medattngan.pacs.stow import StowServer

    if ca is not None:
        tls_context(ca)
    return StowServer(url, credentials, ca, plain_http)


def _dimse(
    address: str, called: str | None, calling: str, instances: tuple[Instance, ...], ca: Path | None, tls: bool
) -> Server:
    from medattngan.pacs.dimse import DimseServer

    host, _, port = address.rpartition(":")
    if why_unfit(f"http://{address}/") or "/" in address or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError("--dimse is not HOST:PORT, such as pacs.example.org:11112.")  # not shown: it may hold a secret
    if called is None:
        raise UserError("--dimse needs --aet, the application entity title of the server.")
    for option, title in (("--aet", called), ("--calling-aet", calling)):
        if not (title.strip() and title.isascii() and title.isprintable()) or len(title) > AET_MAX or "\\" in title:
            raise UserError(f"{option} {title!r} is no application entity title: 1 to {AET_MAX} ASCII characters.")
    context = tls_context(ca) if tls or ca is not None else None
    kinds = sorted({(one.sop_class_uid, one.transfer_syntax_uid) for one in instances})
    return DimseServer(host.strip("[]"), int(port), called, calling, kinds, context)


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later that verifies the server's certificate and name (PS3.15 B.9, BCP 195).

    Raises:
        UserError: `ca` holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ValueError):
        raise UserError(f"--ca {ca} contains no readable PEM certificate; give your authority's.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

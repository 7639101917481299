"""Addresses of servers: which are this machine, and how one is shown without what may be secret in it."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

_ELLIPSIS = "…"
_NUMBERS = re.compile(r"[0-9A-Fa-fXx.]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[A-Fa-f0-9:.]+")


def is_loopback(host: str) -> bool:
    """Whether what is sent to `host`, a name or an address without brackets, stays on this machine.

    >>> [is_loopback(host) for host in ("127.8.0.1", "::1", "::ffff:127.0.0.1", "LOCALHOST", "localhost.", "127.1")]
    [True, True, True, True, True, True]
    >>> [is_loopback(host) for host in ("10.0.0.1", "localhost.example.org", "0.0.0.0", "127.0.0.1.example.org")]
    [False, False, False, False]
    """
    if host.lower().removesuffix(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(_NUMBERS.fullmatch(host)) and _is_loopback_of_old(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _is_loopback_of_old(host: str) -> bool:
    """Whether a short, octal or hexadecimal form, which connections understand as well, is of 127.0.0.0/8."""
    try:
        return socket.inet_aton(host)[0] == 127
    except OSError:
        return False


def neighbourhood(address: str) -> str:
    """What one subscriber has of addresses: an IPv4 address, or 2^64 of IPv6 (RFC 6177).

    >>> neighbourhood("2001:db8::1") == neighbourhood("2001:db8::2"), neighbourhood("::ffff:10.0.0.1")
    (True, '10.0.0.1')
    """
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address) or known.ipv4_mapped:
        return str(getattr(known, "ipv4_mapped", None) or known)
    return str(ipaddress.ip_network((known, 64), strict=False))


def redacted(url: str) -> str:
    """`url` as it may be shown: scheme, host, port and path, and an ellipsis for all that may hold a secret.

    >>> redacted("https://me:mine@pacs.example.org:8443/dicom-web?token=abc#d"), redacted("https://pacs/a")
    ('https://…@pacs.example.org:8443/dicom-web?…#…', 'https://pacs/a')
    >>> redacted("me:mine@pacs"), redacted("https://[me"), redacted("https://pacs/a;session=1/b")
    ('…', '…', 'https://pacs/a;…')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _ELLIPSIS
    if (
        parts.scheme not in ("http", "https")
        or not _HOST.fullmatch(host)
        or not url.isprintable()
        or set(url) & set(" \\")
    ):
        return _ELLIPSIS
    path, matrix, _ = parts.path.partition(";")
    if "@" in path or "%" in path:  # a password that was cut at a slash
        path = f"/{_ELLIPSIS}"
    shown = f"[{host}]" if ":" in host else host
    return "".join(
        [
            f"{parts.scheme}://", f"{_ELLIPSIS}@" if "@" in parts.netloc else "", shown, f":{port}" if port else "",
            path, f";{_ELLIPSIS}" if matrix else "", f"?{_ELLIPSIS}" if "?" in url else "",
            f"#{_ELLIPSIS}" if "#" in url else "",
        ]
    )  # fmt: skip


def why_unfit(url: str) -> str:
    """Why `url` is no plain http(s) address that may be kept and shown: the end of a sentence, empty where it is one.

    >>> why_unfit("https://pacs.example.org/dicom-web"), why_unfit("https://pacs/?token=abc")
    ('', 'holds a query, where a secret could be read by anyone on this machine')
    """
    if "@" in url:
        return "holds a user or password, which anyone on this machine can read"
    if set(url) & set("?#;"):
        return "holds a query, where a secret could be read by anyone on this machine"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a web address"
    if parts.scheme not in ("http", "https") or not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>'):
        return "is not a web address"
    return "" if _HOST.fullmatch(host) and ".." not in host and len(host) < 254 else "is not a web address"

"""DICOMweb: Store Instances (STOW-RS, DICOM PS3.18 10.5) and Search (QIDO-RS, PS3.18 10.6).

A request is sent once and never repeated here; whether to try again is decided by who knows what became of it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from medattngan.core.addresses import is_loopback, redacted, why_unfit
from medattngan.core.files import UserError
from medattngan.pacs.answers import json_list, read_answer, read_json, retry_after_s, texts
from medattngan.pacs.credentials import VARIABLES, Credentials
from medattngan.pacs.http import Answer, Http, TooLarge
from medattngan.pacs.instances import Instance
from medattngan.pacs.outcomes import CannotAsk, NoAnswer, Outcome, WholeRefused

PAGE, PAGES = 1000, 10_000
"""Instances asked for at a time, and pages read at most; some servers give 100 at a time whatever they are asked."""
SEARCH_S = 600.0
"""Seconds that all pages of a search may take together."""
BUSY = (408, 500, 502, 503, 504)
"""HTTP statuses after which the server may hold what was sent."""
NOT_TAKEN = (429,)
"""HTTP statuses by which the server says that it did not even look."""
REDIRECTS = (301, 302, 303, 307, 308)
_INSTANCE_UID = "00080018"


class StowServer:
    """A DICOMweb server.

    Args:
        url: its root, to which `/studies` is appended.
        credentials: who we are.
        ca: certificates to trust in place of the usual ones, PEM.
        plain_http: whether http:// may leave this machine.

    Raises:
        UserError: the address or the certificates cannot be used.
    """

    def __init__(self, url: str, credentials: Credentials, ca: Path | None = None, plain_http: bool = False) -> None:
        self.name = require_url(url, plain_http)
        self._http = Http(self.name, credentials.header(), ca)

    def close(self) -> None:
        """Nothing is left open between requests."""

    def held(self, series: tuple[str, str]) -> set[str]:
        """SOP Instance UIDs that the server has of a (study, series).

        Raises:
            NoAnswer: it does not answer.
            CannotAsk: it does not do searches, not for us, or without an end.
        """
        path = f"studies/{series[0]}/series/{series[1]}/instances"
        found: set[str] = set()
        end = time.monotonic() + SEARCH_S
        for _ in range(PAGES):
            query = {"limit": PAGE, "offset": len(found)}
            try:
                answer = self._request("GET", path, {"Accept": "application/dicom+json"}, params=query)
            except TooLarge as error:
                raise CannotAsk(error.why) from None
            if answer.status in (204, 404):
                return found
            if answer.status not in (200, 206):
                raise CannotAsk(f"the server does not search ({_status(answer)})")
            if not isinstance(read_json(answer), list):
                raise CannotAsk("the server answers a search with something else than DICOM JSON")
            page = {uid for item in json_list(answer) for uid in texts(item, _INSTANCE_UID)}
            if page <= found:  # a short page may not be the last: servers have limits of their own
                return found
            found |= page
            if time.monotonic() > end:
                break
        raise CannotAsk(f"the server finds more and more: {len(found)} instances, and no end")

    def store(self, batch: Sequence[tuple[Instance, bytes]]) -> dict[str, Outcome]:
        """Send instances in one request; what the server says of each, by SOP Instance UID.

        An instance of which the answer says nothing is not in the result.

        Raises:
            NoAnswer: there was no answer, or it was that the server cannot just now.
            WholeRefused: it refused the request and did not say for which instance.
            UserError: it refused us, or is no DICOMweb server.
        """
        boundary = f"medattngan-{uuid.uuid4().hex}"
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        }
        body = multipart([content for _, content in batch], boundary)
        answer = self._request("POST", "studies", headers, body=body)
        outcomes = read_answer(answer)
        if outcomes or answer.ok:
            return outcomes
        if answer.status == 403:
            raise UserError(f"{self.name} does not let these credentials store (HTTP 403); ask for that right.")
        if answer.status in (404, 405, 501):
            raise UserError(f"{self.name}/studies takes no STOW-RS ({_status(answer)}); is --url its DICOMweb root?")
        raise WholeRefused(f"the server refused the request ({_status(answer)})")

    def _request(self, method: str, path: str, headers: Mapping[str, str], **content: Any) -> Answer:
        """One request, its answer if that is one."""
        answer = self._http.ask(method, path, headers=headers, **content)
        if answer.status == 401:
            raise UserError(f"{self.name} refused the credentials (HTTP 401); {_cure()}.")
        if answer.status in REDIRECTS:
            raise UserError(f"{self.name} sends elsewhere ({_status(answer)}); give the address itself with --url.")
        if answer.status in (*BUSY, *NOT_TAKEN):
            taken = answer.status not in NOT_TAKEN
            after_s = retry_after_s(answer.headers.get("Retry-After"))
            raise NoAnswer(f"the server answered {_status(answer)}", taken=taken, after_s=after_s)
        return answer


def require_url(url: str, plain_http: bool) -> str:
    """`url` without a slash at its end.

    Raises:
        UserError: it is no http(s) address, may hold a secret, or would leave this machine in the clear. No secret is
            in the message.
    """
    if why := why_unfit(url):
        raise UserError(f"--url {redacted(url)} {why}; write it as https://HOST/dicom-web, and {_cure()}.")
    parts = urlsplit(url)
    if parts.scheme == "http" and not plain_http and not is_loopback(parts.hostname or ""):
        raise UserError(
            f"--url {redacted(url)} would send unencrypted; use https://, or accept that with --plain-http."
        )
    return url.rstrip("/")


def multipart(contents: Sequence[bytes], boundary: str) -> bytes:
    """A multipart/related body of DICOM files (RFC 2387).

    >>> multipart([b"A"], "b")
    b'--b\\r\\nContent-Type: application/dicom\\r\\n\\r\\nA\\r\\n--b--\\r\\n'
    """
    opening = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = [piece for content in contents for piece in (opening, content, b"\r\n")]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])


def _status(answer: Answer) -> str:
    return f"HTTP {answer.status}"


def _cure() -> str:
    names = f"{VARIABLES['token']}, or {VARIABLES['user']} and {VARIABLES['password']}"
    return f"for credentials set {names}, or use --credentials FILE"

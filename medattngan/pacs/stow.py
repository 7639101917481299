"""DICOMweb: Store Instances (STOW-RS, DICOM PS3.18 10.5) and Search (QIDO-RS, PS3.18 10.6).

A request is sent once and never repeated here; whether to try again is decided by who knows what became of it.
"""

from __future__ import annotations

import ipaddress
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from medattngan.core.files import UserError
from medattngan.pacs.credentials import VARIABLES, Credentials
from medattngan.pacs.instances import Instance
from medattngan.pacs.outcomes import CannotAsk, NoAnswer, Outcome, WholeRefused, reason, refusal

try:
    import requests
    from requests.auth import AuthBase
    from urllib3.exceptions import NewConnectionError
except ImportError as error:
    raise UserError("push --url needs requests: pip install 'medattngan[push]'.") from error

CONNECT_S, ANSWER_S = 10.0, 300.0
PAGE = 1000
BUSY = (408, 500, 502, 503, 504)
"""HTTP statuses after which the server may hold what was sent."""
NOT_TAKEN = (429,)
"""HTTP statuses by which the server says that it did not even look."""
AFFECTED, STORED, FAILED = "00081155", "00081199", "00081198"
FAILURE_REASON, WARNING_REASON = "00081197", "00081196"
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
        self._verify: bool | str = True if ca is None else str(ca)
        self._session = requests.Session()
        self._session.auth = _Authorization(credentials.header())

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def held(self, series: tuple[str, str]) -> set[str]:
        """SOP Instance UIDs that the server has of a (study, series).

        Raises:
            NoAnswer: it does not answer.
            CannotAsk: it does not do searches, or not for us.
        """
        path = f"studies/{series[0]}/series/{series[1]}/instances"
        found: set[str] = set()
        while True:
            query = {"limit": PAGE, "offset": len(found)}
            answer = self._request("GET", path, params=query, headers={"Accept": "application/dicom+json"})
            if answer.status_code in (204, 404):
                return found
            if answer.status_code not in (200, 206):
                raise CannotAsk(f"the server does not search ({_status(answer)})")
            if not isinstance(_json(answer), list):
                raise CannotAsk("the server answers a search with something else than DICOM JSON")
            page = {uid for item in _json_list(answer) for uid in _texts(item, _INSTANCE_UID)}
            if page <= found:  # a short page may not be the last: servers have limits of their own
                return found
            found |= page

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
        answer = self._request("POST", "studies", data=body, headers=headers)
        outcomes = read_answer(answer)
        if outcomes or answer.ok:
            return outcomes
        if answer.status_code == 403:
            raise UserError(f"{self.name} does not let these credentials store (HTTP 403); ask for that right.")
        if answer.status_code in (404, 405, 501):
            raise UserError(f"{self.name}/studies takes no STOW-RS ({_status(answer)}); is --url its DICOMweb root?")
        raise WholeRefused(f"the server refused the request ({_status(answer)})")

    def _request(self, method: str, path: str, **content: Any) -> requests.Response:
        """One request, its answer if that is one."""
        host = urlsplit(self.name).hostname
        try:
            answer = self._session.request(
                method, f"{self.name}/{path}", timeout=(CONNECT_S, ANSWER_S), verify=self._verify,
                allow_redirects=False, **content,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise UserError(
                    f"the certificate of {host} is not trusted; give its authority's with --ca FILE."
                ) from None
            raise NoAnswer(f"TLS with {host} failed", taken=False) from None
        except requests.exceptions.Timeout as error:
            connected = not isinstance(error, requests.exceptions.ConnectTimeout)
            raise NoAnswer(f"{host} did not answer in time", taken=connected, reached=connected) from None
        except requests.exceptions.RequestException as error:
            raise _lost(error, host) from None
        if answer.status_code == 401:
            raise UserError(f"{self.name} refused the credentials (HTTP 401); {_cure()}.")
        if answer.is_redirect:
            raise UserError(f"{self.name} sends elsewhere ({_status(answer)}); give the address itself with --url.")
        if answer.status_code in (*BUSY, *NOT_TAKEN):
            taken = answer.status_code not in NOT_TAKEN
            raise NoAnswer(
                f"the server answered {_status(answer)}",
                taken=taken,
                after_s=retry_after_s(answer.headers.get("Retry-After")),
            )
        return answer


class _Authorization(AuthBase):
    """Our own header or none; with it, requests does not look into ~/.netrc."""

    def __init__(self, header: str) -> None:
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header:
            request.headers["Authorization"] = self._header
        return request


def require_url(url: str, plain_http: bool) -> str:
    """`url` without a slash at its end.

    Raises:
        UserError: it is no http(s) address, holds a password or a query, or would leave this machine in the clear.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UserError(f"--url {url!r} is not an address; write it as https://HOST/dicom-web.") from None
    if "@" in parts.netloc:
        raise UserError(f"--url holds a user or password, which anyone on this machine can read; {_cure()}.")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UserError(f"--url {url!r} is not a DICOMweb address; write it as https://HOST/dicom-web.")
    if parts.scheme == "http" and not plain_http and not _is_loopback(host):
        raise UserError(f"--url {url} would send unencrypted; use https://, or accept that with --plain-http.")
    return url.rstrip("/")


def multipart(contents: Sequence[bytes], boundary: str) -> bytes:
    """A multipart/related body of DICOM files (RFC 2387).

    >>> multipart([b"A"], "b")
    b'--b\\r\\nContent-Type: application/dicom\\r\\n\\r\\nA\\r\\n--b--\\r\\n'
    """
    opening = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = [piece for content in contents for piece in (opening, content, b"\r\n")]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])


def read_answer(answer: requests.Response) -> dict[str, Outcome]:
    """What a Store Instances Response (PS3.18 I.2) says, by SOP Instance UID; nothing where it is none."""
    outcomes: dict[str, Outcome] = {}
    for item in _json_list(answer):
        for stored in _items(item, STORED):
            codes = _codes(stored, WARNING_REASON)
            detail = f"with a warning: {reason(codes[0])}" if codes and codes[0] else ""
            outcomes |= {uid: Outcome("stored", detail) for uid in _texts(stored, AFFECTED)}
        for failed in _items(item, FAILED):
            codes = _codes(failed, FAILURE_REASON)
            outcome = refusal(codes[0]) if codes else Outcome("refused", "the server gives no reason")
            outcomes |= dict.fromkeys(_texts(failed, AFFECTED), outcome)
    return outcomes


def retry_after_s(value: str | None) -> float:
    """Seconds that `Retry-After` (RFC 9110 10.2.3) asks for; 0 where it asks for nothing.

    >>> retry_after_s("7"), retry_after_s(None), retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT")
    (7.0, 0.0, 0.0)
    """
    if value is None:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _lost(error: requests.exceptions.RequestException, host: str | None) -> NoAnswer:
    """A connection that could not be made, or broke."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, NewConnectionError):
        return NoAnswer(f"{host} cannot be reached", taken=False, reached=False)
    return NoAnswer(f"the connection to {host} broke")


def _json(answer: requests.Response) -> Any:
    """The JSON of an answer; None where it is none, an empty list where it is empty."""
    try:
        return json.loads(answer.content or b"[]")
    except ValueError:
        return None


def _json_list(answer: requests.Response) -> list[dict[str, Any]]:
    """The DICOM JSON objects of an answer; none where it holds something else."""
    value = _json(answer)
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def _values(item: dict[str, Any], tag: str) -> list[Any]:
    """The values of an attribute in the DICOM JSON Model (PS3.18 F.2); none where it is missing."""
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _items(item: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    return [value for value in _values(item, tag) if isinstance(value, dict)]


def _texts(item: dict[str, Any], tag: str) -> list[str]:
    return [value for value in _values(item, tag) if isinstance(value, str)]


def _codes(item: dict[str, Any], tag: str) -> list[int]:
    """Unsigned numbers; some servers write them as text."""
    return [int(value) for value in _values(item, tag) if isinstance(value, int) or str(value).isdigit()]


def _status(answer: requests.Response) -> str:
    return f"HTTP {answer.status_code}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _cure() -> str:
    names = f"{VARIABLES['token']}, or {VARIABLES['user']} and {VARIABLES['password']}"
    return f"set {names}, or use --credentials FILE"

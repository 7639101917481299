"""What one request may take: seconds until its end and bytes of its answer, whatever the server does.

The timeouts of HTTP libraries begin anew with every byte, and their limits are of single lines. Here all that an answer
is read through counts: status lines, headers, interim answers, chunk sizes, trailers, and the body.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from dataclasses import dataclass, field
from typing import Any

LONGEST_WAIT_S = 60.0
"""Without a single byte."""


class SpentError(OSError):
    """An allowance is spent."""


@dataclass
class Allowance:
    """Seconds and bytes for one request.

    Args:
        seconds: from now to the last byte of the answer.
        most_bytes: of the answer as it comes.
    """

    seconds: float
    most_bytes: int
    spent: str = ""
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds

    def wait_s(self) -> float:
        """How long the next byte may take.

        Raises:
            SpentError: the time is over.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            self.refuse(f"took more than {self.seconds:g} s")
        return min(left, LONGEST_WAIT_S)

    def take(self, count: int) -> None:
        """Count bytes of the answer.

        Raises:
            SpentError: they are too many.
        """
        self.most_bytes -= count
        if self.most_bytes < 0:
            self.refuse("sent an answer without end")

    def refuse(self, why: str) -> None:
        """End the request.

        Raises:
            SpentError: always.
        """
        self.spent = why
        raise SpentError(why)


class BoundedResponse(http.client.HTTPResponse):
    """An answer of which every byte is counted."""

    def __init__(self, sock: socket.socket, *arguments: Any, allowance: Allowance, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Counted(self.fp.detach(), sock, allowance))


class _Counted(io.RawIOBase):
    """The bytes of a socket, against an allowance."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, allowance: Allowance) -> None:
        self._raw, self._sock, self._allowance = raw, sock, allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._allowance.wait_s())
        count = int(self._raw.readinto(buffer) or 0)
        self._allowance.take(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class BoundedBody(io.BytesIO):
    """What is sent, piece by piece, against the same allowance: a server may be slow to take it as well."""

    def __init__(self, content: bytes, allowance: Allowance) -> None:
        super().__init__(content)
        self._allowance = allowance

    def read(self, size: int | None = -1) -> bytes:
        self._allowance.wait_s()
        return super().read(size)

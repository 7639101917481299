"""What an association's peer may send: bytes and seconds, whatever lengths it declares.

pynetdicom (3.0.4) reads as many bytes as a PDU says it has, up to 4 GB, and waits for them without a limit; neither a
timeout nor an abort ends that. So its socket gets one that does, as soon as it is connected.
"""

from __future__ import annotations

import logging
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynetdicom.events import Event
    from pynetdicom.transport import AssociationSocket

LONGEST_PDU = 1 << 20
"""Bytes; we say that we take 16 kB, so that a peer that keeps to it never comes near."""
PDU_S = 60.0
"""For one PDU, from its first byte to its last, in either direction."""
MOST_BYTES = 64 << 20
"""For all answers to one request."""


HEADER_BYTES, REJECTION, REJECTION_BYTES = 6, 0x03, 4
HARMLESS = bytes([0, 1, 1, 1])
"""A rejection for good, by the user, for no reason given (PS3.8 9.3.4)."""


log = logging.getLogger(__name__)


class Meter:
    """Counts what the peer of one association after another sends, and stands between it and pynetdicom.

    `rejection` is that of the last request for an association: result, source and reason (PS3.8 9.3.4), where it was
    rejected. pynetdicom's own flag for it is lost when the peer hangs up before the association's thread looks at the
    socket, and its thread ends with a traceback at codes that the standard reserves, which it never gets to see here.
    """

    def __init__(self) -> None:
        self._left = MOST_BYTES
        self._kind = 0
        self.rejection: tuple[int, int, int] | None = None

    def start(self) -> None:
        """Begin anew, with a request."""
        self._left, self.rejection = MOST_BYTES, None

    @property
    def spent(self) -> bool:
        """Whether the peer has sent too much."""
        return self._left < 0

    def watch(self, event: Event) -> None:
        """Take over an association that was just connected (pynetdicom's EVT_CONN_OPEN)."""
        reactor = event.assoc.dul
        connection = reactor.socket
        if connection is None or connection.socket is None:
            return
        act = reactor.state_machine.do_action

        def act_or_close(event: str) -> None:
            try:
                act(event)
            except Exception as error:  # whatever it meets in what the peer sent; its thread must not end here
                log.debug("the association is closed: %s", error)
                connection.close()
                reactor.event_queue.put("Evt17")  # the connection is closed (PS3.8 9.2.3)

        connection.socket.settimeout(PDU_S)
        connection.recv = partial(self._receive, connection)  # type: ignore[method-assign]
        reactor.state_machine.do_action = act_or_close  # type: ignore[method-assign]

    def _receive(self, connection: AssociationSocket, count: int) -> bytearray:
        """`count` bytes, or fewer where the peer hangs up.

        Raises:
            OSError: they are too many or too slow; pynetdicom then closes the association.
        """
        if count > LONGEST_PDU:
            raise OSError("the PDU is too long")
        received = bytearray()
        end = time.monotonic() + PDU_S
        while connection.socket is not None and len(received) < count:
            connection.socket.settimeout(max(end - time.monotonic(), 0.001))
            part = connection.socket.recv(min(count - len(received), 65536))
            self._left -= len(part)
            if self._left < 0:
                raise OSError("the peer sends without an end")
            if not part:
                break
            received += part
        _wait_again(connection.socket)
        return self._harmless(received)

    def _harmless(self, received: bytearray) -> bytearray:
        """What was received, a rejection in codes that are not reserved."""
        if len(received) == HEADER_BYTES:
            self._kind = received[0]
        elif self._kind == REJECTION and len(received) == REJECTION_BYTES:
            self.rejection = (received[1], received[2], received[3])
            return bytearray(HARMLESS)
        return received


def _wait_again(connected: socket.socket | None) -> None:
    """Give the next thing its whole time."""
    if connected is not None:
        connected.settimeout(PDU_S)

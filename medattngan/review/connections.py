"""Connections that cannot be held: whoever sends or reads too slowly goes, and whoever opens too many goes first.

uvicorn waits for a request's head and body, and for a client to read its answer, without a limit, and turns all readers
away once enough connections are open, idle ones included. Here each has its time, and where there are many the oldest
one of the address with the most goes, those that have not sent a whole request before those being answered. So neither
connections that do nothing nor another address's many lock a reader out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from medattngan.core.addresses import neighbourhood

SECONDS: dict[str, float] = {"head": 10.0, "body": 30.0, "answer": 120.0}
"""For a request's head, from the connection or the answer before; for its body; for the answer, until it is read."""
MOST_CONNECTIONS = 256
"""Far more than a study's readers open; browsers open six each."""
HEAD_BYTES = 16 * 1024
"""Of a request's head."""


class Connection(H11Protocol):
    """One connection, against the clock."""

    _timer: asyncio.TimerHandle | None = None
    _timed: tuple[str, object] = ("", None)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, and make room for it."""
        super().connection_made(transport)
        self.opened = self.loop.time()
        self.origin = neighbourhood(self.client[0]) if self.client else ""
        self._time()
        if len(self.connections) > MOST_CONNECTIONS:
            _least_wanted([one for one in self.connections if isinstance(one, Connection)]).end()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._time()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._time()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def end(self) -> None:
        """Let go of it at once; whatever it has begun to store is stored.

        Also where uvicorn has closed it: that waits until the client has read what is left.
        """
        self.transport.abort()

    @property
    def phase(self) -> str:
        """What is waited for: a key of SECONDS."""
        if self.cycle is None or self.cycle.response_complete:
            return "answer" if self.transport.get_write_buffer_size() else "head"
        return "body" if self.cycle.more_body else "answer"

    def wanted(self) -> tuple[bool, float]:
        """The less, the sooner it goes."""
        return self.phase == "answer", self.opened

    def _time(self) -> None:
        """Start the clock anew where something else is waited for."""
        waited_for: tuple[str, Any] = (self.phase, self.cycle)
        if waited_for == self._timed:
            return
        self._timed = waited_for
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(SECONDS[self.phase], self.end)


def _least_wanted(connections: list[Connection]) -> Connection:
    """The one that goes where there are too many."""
    opened = Counter(one.origin for one in connections)
    most = max(opened.values())
    return min((one for one in connections if opened[one.origin] == most), key=Connection.wanted)

"""Personal links: secrets that are shown once and kept as hashes, and a limit on how often they may be tried."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable


def new_secret() -> str:
    """192 random bits, safe in a URL: what a link, a session or a CSRF token consists of."""
    return secrets.token_urlsafe(24)


def hash_secret(secret: str) -> str:
    """What is kept of a secret: SHA-256 in hex. A plain hash is enough where 192 random bits went in."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class RateLimit:
    """At most `count` events a key within any `seconds`; remembers the newest `keys` keys only.

    >>> limit = RateLimit(2, 60, clock=lambda: 0.0)
    >>> [limit.hit("a") for _ in range(3)], limit.hit("b")
    ([True, True, False], True)
    """

    def __init__(
        self, count: int, seconds: float, keys: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.count, self.seconds, self.keys, self.clock = count, seconds, keys, clock
        self._events: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def hit(self, key: str) -> bool:
        """Count one event of `key`; False, and not counted, where it is one too many."""
        with self._lock:
            events = self._recent(key)
            if len(events) >= self.count:
                return False
            events.append(self.clock())
            return True

    def _recent(self, key: str) -> deque[float]:
        events = self._events.setdefault(key, deque())
        self._events.move_to_end(key)
        while len(self._events) > self.keys:
            self._events.popitem(last=False)
        while events and events[0] <= self.clock() - self.seconds:
            events.popleft()
        return events

"""How long to try again: exponential backoff with jitter, and a bound.

Half of every wait is fixed and half is drawn ("equal jitter"), so that many clients that failed together do
not come back together.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from medattngan.core.files import UserError


@dataclass(frozen=True)
class Retry:
    """When to try again.

    Args:
        attempts: how often in all, at least 1.
        base_s: the first wait, in seconds; each wait is twice the one before.
        limit_s: no wait is longer, whatever the server asks for.
        sleep: waits.
        draw: uniform in [0, 1).
    """

    attempts: int = 6
    base_s: float = 1.0
    limit_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UserError(f"--attempts {self.attempts} sends nothing; give 1 or more.")

    def wait_s(self, failures: int, after_s: float = 0.0) -> float:
        """How long to wait after so many failures, when the server asked for at least `after_s`.

        >>> Retry(draw=lambda: 0.5).wait_s(1), Retry(draw=lambda: 0.5).wait_s(3)
        (0.75, 3.0)
        >>> Retry().wait_s(1, after_s=20), Retry().wait_s(1, after_s=3600)
        (20, 60.0)
        """
        backoff = min(self.limit_s, self.base_s * 2.0 ** min(failures - 1, 30))
        return min(self.limit_s, max(after_s, backoff * (1 + self.draw()) / 2))

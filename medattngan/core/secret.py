"""Random numbers that nobody can work out again, from a key that is kept secret.

What protects patients by being unknown, as the noise of a private training, must not follow from a seed that lies open
in a record. It is SHAKE-256 of the key (NIST FIPS 202, section 6.2), which also lets a resumed training repeat it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

KEY_BYTES = 32


def make_secret(path: Path) -> None:
    """Write KEY_BYTES random bytes (mode 0600) whole, without ever replacing a file: of two processes the first wins.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)


class Secret:
    """Streams of random numbers, each at a place of its own; the same place gives the same numbers.

    Args:
        key: KEY_BYTES that nobody else knows.
        context: other words give streams that have nothing to do with these.

    >>> one = Secret(bytes(32), "a")
    >>> bool((one.uniform(3, 7) == one.uniform(3, 7)).all()), bool((one.uniform(3, 7) == one.uniform(3, 8)).any())
    (True, False)
    """

    def __init__(self, key: bytes, context: str) -> None:
        self._root = key + hashlib.sha256(context.encode()).digest()

    def uniform(self, count: int, *place: int) -> Floats:
        """(count,) in [0, 1), with all 53 bits that a number of this kind has."""
        where = b"".join(number.to_bytes(8, "big") for number in place)
        stream = hashlib.shake_256(self._root + where).digest(8 * count)
        return (np.frombuffer(stream, "<u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, count: int, *place: int) -> Floats:
        """(count,) from the standard normal distribution. Box & Muller 1958, doi:10.1214/aoms/1177706645."""
        first, second = self.uniform(2 * ((count + 1) // 2), *place).reshape(2, -1)
        radius, angle = np.sqrt(-2 * np.log1p(-first)), 2 * np.pi * second
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]

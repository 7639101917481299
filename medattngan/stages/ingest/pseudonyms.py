"""Salted pseudonyms: the same patient gets the same name on this machine, and nobody can guess back.

    pseudonym = HMAC-SHA256(salt, kind ‖ 0 ‖ key), the first 64 bits in hex

A plain hash of an identifier is not a pseudonym: identifiers are few enough to try them all. The salt is what
prevents that, so it is kept apart from every store.
"""

from __future__ import annotations

import hmac
import os
import sys
from pathlib import Path

from medattngan.core.files import UserError
from medattngan.core.secret import KEY_BYTES, make_secret

LEAST_BYTES = KEY_BYTES // 2


def salt_path() -> Path:
    """Where the salt lives: `MEDATTNGAN_SALT_FILE`, else the user's configuration folder."""
    if named := os.environ.get("MEDATTNGAN_SALT_FILE"):
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "medattngan" / "salt"


def load_salt(path: Path | None = None) -> bytes:
    """Read the salt, or make one at random (mode 0600) at first use.

    Raises:
        UserError: the file is too short to be a salt, or cannot be read or made.
    """
    path = salt_path() if path is None else path
    try:
        if not path.exists():
            make_secret(path)
        salt = path.read_bytes()
    except OSError as error:
        cure = "set MEDATTNGAN_SALT_FILE to a private file"
        raise UserError(f"The salt {path} cannot be read or made ({error.strerror}); {cure}.") from None
    if len(salt) < LEAST_BYTES:
        raise UserError(f"{path} is too short for a salt; put at least {LEAST_BYTES} random bytes in it or remove it.")
    return salt


def pseudonym(salt: bytes, kind: str, key: str) -> str:
    """The pseudonym of `key`; `kind` (patient, series, file) keeps the name spaces apart.

    >>> salt = b"0123456789abcdef"
    >>> pseudonym(salt, "patient", "Doe^Jane") == pseudonym(salt, "series", "Doe^Jane")
    False
    >>> len(pseudonym(salt, "patient", "Doe^Jane"))
    16
    """
    return hmac.new(salt, f"{kind}\0{key}".encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:16]

"""Salted pseudonyms: the same patient gets the same name on this machine, and nobody can guess back.

    pseudonym = HMAC-SHA256(salt, kind ‖ 0 ‖ key), the first 64 bits in hex

A plain hash of an identifier is not a pseudonym: identifiers are few enough to try them all. The salt is what
prevents that, so it is kept apart from every store.
"""

from __future__ import annotations

import hmac
import os
import secrets
import sys
from pathlib import Path

from medattngan.core.files import UserError

SALT_BYTES = 32


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
            _make_salt(path)
        salt = path.read_bytes()
    except OSError as error:
        cure = "set MEDATTNGAN_SALT_FILE to a private file"
        raise UserError(f"The salt {path} cannot be read or made ({error.strerror}); {cure}.") from None
    if len(salt) < SALT_BYTES // 2:
        raise UserError(
            f"{path} is too short for a salt; put at least {SALT_BYTES // 2} random bytes in it or remove it."
        )
    return salt


def _make_salt(path: Path) -> None:
    """Write a new salt whole, without ever replacing one: of two processes the first wins and both read its salt."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SALT_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)


def pseudonym(salt: bytes, kind: str, key: str) -> str:
    """The pseudonym of `key`; `kind` (patient, series, file) keeps the name spaces apart.

    >>> salt = b"0123456789abcdef"
    >>> pseudonym(salt, "patient", "Doe^Jane") == pseudonym(salt, "series", "Doe^Jane")
    False
    >>> len(pseudonym(salt, "patient", "Doe^Jane"))
    16
    """
    return hmac.new(salt, f"{kind}\0{key}".encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:16]

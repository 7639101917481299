"""Who we are to the server. Secrets come from the environment or a file, and never show in a command or a log."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medattngan.core.files import UserError

VARIABLES: dict[str, str] = {
    "token": "MEDATTNGAN_PUSH_TOKEN",
    "user": "MEDATTNGAN_PUSH_USER",
    "password": "MEDATTNGAN_PUSH_PASSWORD",
}
"""A key of the credentials file, and the environment variable that serves where there is no file."""


@dataclass(frozen=True)
class Credentials:
    """A bearer token, or a user and a password, or nothing. Printing one shows nothing of them."""

    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.token and (self.user or self.password):
            raise UserError("both a token and a user or password are given; the server takes one of them.")
        if bool(self.user) != bool(self.password):
            raise UserError(f"a user needs a password and a password a user; give {_sources('user', 'password')}.")
        if ":" in self.user:
            raise UserError("the user's name holds a colon, which basic authentication cannot carry (RFC 7617).")
        for name, value in (("token", self.token), ("user", self.user), ("password", self.password)):
            if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
                raise UserError(f"the {name} holds a control character, perhaps a line break; give it on one line.")
        if not self.token.isascii() or " " in self.token:
            raise UserError("the token holds a space or a letter that no bearer token has (RFC 6750); copy it again.")

    def __bool__(self) -> bool:
        return bool(self.token or self.user)

    def header(self) -> str:
        """The value of `Authorization` (RFC 6750, RFC 7617), or the empty text."""
        if self.token:
            return f"Bearer {self.token}"
        if self.user:
            return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return ""


def read_credentials(path: Path | None, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Credentials from the file `path`, or from the environment where there is none.

    The file has lines `token = …`, or `user = …` and `password = …`; empty lines and those that start with # do
    not count.

    Raises:
        UserError: the file cannot be read or has another line, or what is given does not fit together.
    """
    if path is None:
        return Credentials(**{name: environment.get(variable, "") for name, variable in VARIABLES.items()})
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--credentials {path} cannot be read ({type(error).__name__}); give a text file.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or name.strip() not in VARIABLES:
            raise UserError(f"{path}, line {number}, is not `token = …`, `user = …` or `password = …`.")
        found[name.strip()] = value.strip()
    if not found:
        raise UserError(f"{path} holds no credentials; write `token = …`, or `user = …` and `password = …`, into it.")
    return Credentials(**found)


def _sources(*names: str) -> str:
    return " and ".join(VARIABLES[name] for name in names)

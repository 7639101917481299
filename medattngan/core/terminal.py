"""The terminal: what is printed is never interpreted, and never ends a verb whose work is done."""

from __future__ import annotations

import codecs
import io
import logging
import sys
import warnings

from rich.console import Console

from medattngan.core.text import shown

ERRORS = "medattngan.terminal"
READERS = ("pydicom", "nibabel", "tifffile", "PIL", "highdicom")


def _written_out(error: UnicodeError) -> tuple[str | bytes, int]:
    """What a terminal cannot show: bytes of a file's name as they are, so that a path stays a path, else an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    if all("\udc80" <= one <= "\udcff" for one in bad):
        return bytes(ord(one) - 0xDC00 for one in bad), error.end
    return codecs.backslashreplace_errors(error)


codecs.register_error(ERRORS, _written_out)


def prepare_streams() -> None:
    """Let stdout and stderr take any text, whatever their encoding: cp1252, ASCII, or UTF-8 and a name that is not."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def hush_readers() -> None:
    """Keep the libraries that read scans from warning: what they quote of a header may identify a patient."""
    for name in READERS:
        warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def terminal(*, quiet: bool = False) -> Console:
    """The console on stderr. It takes text as text: no markup, no emoji codes, no highlighting."""
    return Console(stderr=True, quiet=quiet, markup=False, emoji=False, highlight=False)


def say(console: Console, text: object, style: str | None = None) -> None:
    """Print one line. Control characters in it are written out."""
    console.print(shown(text), style=style, soft_wrap=True)

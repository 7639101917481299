"""A QR code of a reader's link, for a phone or a tablet: in the terminal, or as SVG to print and hand out."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from medattngan.core.files import UserError

TERMINAL = "terminal"


def require_segno(where: str | None, *, new: bool = False) -> None:
    """Refuse before links are drawn that could then not be shown.

    Args:
        new: of a new study, whose codes must not replace those of another.

    Raises:
        UserError: codes are wanted, and segno is not installed, or there is a file in place of the folder for them, or
            of a new study anything in it.
    """
    if where is None:
        return
    if importlib.util.find_spec("segno") is None:
        raise UserError("--qr needs segno; install it with: pip install 'medattngan[review]'")
    if where != TERMINAL and Path(where).exists() and not Path(where).is_dir():
        raise UserError(f"--qr {where} is a file; give a folder, or 'terminal'.")
    if new and where != TERMINAL and Path(where).is_dir() and any(Path(where).iterdir()):
        raise UserError(f"--qr {where} is not empty, and may hold the codes of another study; give a new folder.")


def show_code(reader: str, link: str, where: str) -> None:
    """Print the code, or write it as `where`/`reader`.svg, for its owner alone: who has it can read as this reader."""
    import segno

    code = segno.make_qr(link, error="m")
    if where == TERMINAL:
        code.terminal(out=sys.stdout, compact=True)
        return
    folder = Path(where)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    file = folder / f"{reader}.svg"
    file.touch(mode=0o600)
    file.chmod(0o600)
    code.save(str(file), scale=8, title=reader, desc=f"Link of {reader}: keep it secret")

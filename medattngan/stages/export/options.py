"""What may be asked of an export: each option is checked before a slice is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medattngan.core.files import UserError
from medattngan.scans.modality import MODALITIES
from medattngan.stages.export.image import Window, require_window
from medattngan.stages.export.objects import require_combination
from medattngan.stages.export.origin import UUID_ROOT, make_uid
from medattngan.stages.export.text import require_length, require_line
from medattngan.stages.export.transfer import require_transfer_syntax

REASON_MAX = 1024
"""Characters of a reason: Image Comments (VR LT, 10240) must hold it beside the numbers of frames."""
LEAST_MM, MOST_MM = 1e-4, 1e4
"""Sides of a pixel: below, places are no longer told apart in the digits of a header."""


@dataclass(frozen=True)
class Asked:
    """What an export was asked for; the arguments of `export`."""

    sop: str = "sc"
    multiframe: bool = False
    uid_root: str = UUID_ROOT
    window: Window | None = None
    overlay: bool = True
    stamp: bool = False
    transfer_syntax: str = "explicit"
    like: Path | None = None
    include_flagged: str | None = None
    letters: str = "refuse"


LETTERS = ("refuse", "leave-out", "keep")
"""What to do about slices that show letters."""


def require_options(asked: Asked, limit: int | None) -> None:
    """Refuse what could not be exported from any slices.

    Raises:
        UserError: an option is not possible, or two do not go together.
    """
    if limit is not None and limit < 1:
        raise UserError(f"--limit {limit} exports nothing; give 1 or more.")
    if (reason := asked.include_flagged) is not None:
        if not reason.strip():
            raise UserError("--include-flagged is empty; say in a few words why flagged slices are exported.")
        require_line(reason, "--include-flagged")
        require_length(reason, REASON_MAX, "--include-flagged", "shorten it")
    require_letters(asked.letters)
    require_transfer_syntax(asked.transfer_syntax)
    require_combination(asked.sop, asked.multiframe)
    if asked.window is not None:
        require_window(asked.window)
    make_uid(asked.uid_root, "check")


def require_letters(letters: str) -> None:
    """Raises: UserError: `letters` is none of LETTERS."""
    if letters not in LETTERS:
        raise UserError(f"--letters {letters} is not one of {', '.join(LETTERS)}.")


def require_modality(modality: str) -> str:
    """A defined term of Modality (0008,0060), in capitals.

    Raises:
        UserError: it is none of images; it is not repeated, as it may be anything.

    >>> require_modality("mr")
    'MR'
    """
    if (term := modality.strip().upper()) not in MODALITIES:
        raise UserError(
            f"the modality of the slices is no defined term of DICOM; give one of {', '.join(MODALITIES)} by "
            "--modality, or correct modality in intensity.json."
        )
    return term

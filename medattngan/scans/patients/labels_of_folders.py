"""What the folders of pictures say of them, where they are no patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from medattngan.core.files import UserError
from medattngan.core.text import counted, is_category, shown
from medattngan.scans.patients.conventions import named
from medattngan.scans.patients.names import is_finding

MAX_FOLDER_LABELS = 16
MIN_PICTURES_A_FOLDER = 20
"""More folders than this, or fewer pictures in them on average, may be patients, whose names must not be written."""


def folder_labels(pictures: Sequence[str], asked: bool) -> dict[str, str]:
    """The label of each picture, or of none.

    Without being asked, a few folders of many pictures are classes if each is named for a finding, group or species
    that is known (see `words.FINDINGS`). Any other name may be a person's; only the user knows.

    Raises:
        UserError: `asked`, and a picture lies in no folder below its source, or a folder is named as a patient is.

    >>> folder_labels(["scans/ill/1.png", "scans/well/1.png"], asked=True)
    {'scans/ill/1.png': 'ill', 'scans/well/1.png': 'well'}
    >>> folder_labels(["scans/Doe/1.png", "scans/Roe/1.png"] * 20, asked=False)
    {}
    """
    nested = {relative: PurePosixPath(relative).parent.name for relative in pictures if relative.count("/") > 1}
    names = set(nested.values())
    if asked:
        if len(nested) < max(1, len(pictures)):
            loose = len(pictures) - len(nested)
            lie = counted(loose, "pictures lie", "picture lies")
            raise UserError(f"--labels folders: {lie} in no folder below the source; move what lies there.")
        _check_are_labels(names)
        return nested
    many = len(nested) >= MIN_PICTURES_A_FOLDER * len(names)
    return nested if 2 <= len(names) <= MAX_FOLDER_LABELS and many and all(map(is_finding, names)) else {}


def _check_are_labels(names: set[str]) -> None:
    for name in sorted(names):
        if not is_category(name) or "^" in name or "," in name or named(name) or sum(map(str.isdigit, name)) > 4:
            raise UserError(
                f"--labels folders: the folder {shown(name)} looks like a patient's, and labels are written into the "
                "store; rename it, or give a table."
            )

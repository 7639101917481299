"""Letters in the pixels of files to send: a network that learnt from marked scans draws them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut

from medattngan.core.files import UserError
from medattngan.pacs.instances import NAMED_AT_ONCE, READ_ERRORS, Instance, reading_quietly
from medattngan.scans.text.judge import lettered


def require_no_letters(instances: Sequence[Instance], allow_letters: str | None) -> None:
    """Refuse to send what shows letters, unless a reason is given. What they say is not told.

    Raises:
        UserError: an instance shows letters and there is no reason, or the reason is empty.
    """
    if allow_letters is not None:
        if not allow_letters.strip():
            raise UserError("--allow-letters is empty; say in a few words why files that show letters are sent.")
        return
    found = [one for one in instances if shows_letters(one)]
    if found:
        named = ", ".join(one.name for one in found[:NAMED_AT_ONCE])
        more = f" and {len(found) - NAMED_AT_ONCE} more" if len(found) > NAMED_AT_ONCE else ""
        raise UserError(
            f"{len(found)} of {len(instances)} files show what looks like letters, so nothing was sent "
            f"({named}{more}); look at them, then remove them, or give the reason with --allow-letters REASON."
        )


def shows_letters(instance: Instance) -> bool:
    """Whether any frame does, unless its header says that text is burned in (0028,0301), as a stamped SYNTHETIC is.

    Pixels that cannot be decoded here are not looked at: a server may know their codec.
    """
    with reading_quietly():
        dataset = pydicom.dcmread(io.BytesIO(instance.read()))
        if str(dataset.get("BurnedInAnnotation", "")).strip() == "YES":
            return False
        try:
            frames = _frames(dataset)
        except READ_ERRORS:
            return False
    return any(lettered(frame[None])[0] for frame in frames)


def _frames(dataset: Dataset) -> npt.NDArray[np.uint8]:
    """As a viewer opens them: (n, rows, columns) from black to white."""
    pixels: Any = dataset.pixel_array
    grey = pixels.mean(-1) if int(dataset.SamplesPerPixel) > 1 else pixels
    values = np.asarray(apply_modality_lut(grey, dataset), np.float32).reshape(-1, dataset.Rows, dataset.Columns)
    lower, upper = float(values.min()), float(values.max())
    if dataset.get("WindowCenter") not in (None, "") and dataset.get("WindowWidth") not in (None, ""):
        center, width = (float(np.ravel(dataset[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
        lower, upper = center - width / 2, center + width / 2
    shown = np.clip((values - lower) / max(upper - lower, 1e-6), 0, 1)
    frames: npt.NDArray[np.uint8] = np.rint(shown * 255).astype(np.uint8)
    return frames

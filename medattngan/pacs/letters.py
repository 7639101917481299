"""Letters in the pixels of files to send: a network that learnt from marked scans draws them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut

from medattngan.core.files import UserError
from medattngan.pacs.instances import NAMED_AT_ONCE, READ_ERRORS, Instance, reading_quietly
from medattngan.scans.text.judge import lettered

Values = npt.NDArray[np.float32]
WINDOW = ("WindowCenter", "WindowWidth")
BUT_ODD_PIXELS = (0.5, 99.5)
"""Percentiles of a frame that some odd pixels do not move."""


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
    return any(
        lettered(shown[None])[0] for number, frame in enumerate(frames) for shown in _shown(frame, dataset, number)
    )


def _frames(dataset: Dataset) -> Values:
    """(n, rows, columns), rescaled where the header says how."""
    pixels: Any = dataset.pixel_array
    grey = pixels.mean(-1) if int(dataset.SamplesPerPixel) > 1 else pixels
    return np.asarray(apply_modality_lut(grey, dataset), np.float32).reshape(-1, dataset.Rows, dataset.Columns)


def _shown(frame: Values, dataset: Dataset, number: int) -> Iterator[npt.NDArray[np.uint8]]:
    """A frame from black to white as a viewer may open it: through each of its windows, and as it is.

    One odd pixel, frame or window is no place to hide a name in.
    """
    lowest, highest = np.percentile(frame, BUT_ODD_PIXELS)
    ranges = {(float(frame.min()), float(frame.max())), (float(lowest), float(highest))}
    ranges |= {(centre - width / 2, centre + width / 2) for centre, width in _windows(dataset, number)}
    for lower, upper in sorted(ranges):
        shown = np.clip((frame - lower) / max(upper - lower, 1e-6), 0, 1)
        yield np.rint(shown * 255).astype(np.uint8)


def _windows(dataset: Dataset, number: int) -> Iterator[tuple[float, float]]:
    """Centre and width of each window of a frame: of the file, and of its frames (PS3.3 C.11.2.1.2, C.7.6.16.2.10)."""
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])
    own = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])[number : number + 1]
    for part in (dataset, *(one for group in (*shared, *own) for one in group.get("FrameVOILUTSequence") or [])):
        if all(part.get(name) not in (None, "") for name in WINDOW):
            centres, widths = (np.ravel(part[name].value).astype(float).tolist() for name in WINDOW)
            yield from zip(centres, widths, strict=False)

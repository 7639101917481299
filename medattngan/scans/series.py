"""What the formats hand on: pieces found in files, series made of pieces, and reasons to set a piece aside.

Patient, series and path are the source's own words. They stay in memory, in `pseudonyms` and on the user's
terminal; nothing that is written may hold them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from medattngan.core.types import Physical
from medattngan.scans.damage import DAMAGE
from medattngan.scans.sequence import OTHER

Value: TypeAlias = float | str | tuple[float, ...] | None
"""What a header says of one thing: a number, text, several numbers, or nothing."""

REASONS: dict[str, str] = {
    "not-a-scan": "no reader knows this kind of file",
    "unreadable": "damaged or truncated, or not as its format wants it",
    "too-slow": "reading it took longer than --file-seconds",
    "too-large": "reading it needed, or its header claims, more memory than --file-memory",
    "bad-value": "a rescale, spacing or shape that is no number, or a slope of 0: any other would be made up",
    "no-decoder": "pixels in a compressed syntax that is not read, as video; see docs/reference/ingest.md",
    "no-pixels": "a DICOM object without an image: a report, plan, structure set, waveform, directory",
    "derived-object": "a segmentation, dose grid, or statistical or parametric map: not an image of a patient",
    "label-mask": "a mask of labels or of two levels: not an image of a patient",
    "screen-capture": "a screen capture, dose page or key image, or one without a place among slices that have one",
    "composite": "a projection, rendering or composite of many slices: Image Type says MIP, VRT, COMPOSED or the like",
    "localizer": "a scout: Image Type says LOCALIZER or SCOUT",
    "colour": "a colour image whose channels differ",
    "not-2d-or-3d": "an array that is neither 2-D nor 3-D",
    "complex": "complex numbers, which are not yet an image; save their magnitude",
    "transparent": "a picture that is partly transparent: what is to be seen there is unknown",
    "unlike-pages": "a file whose pages differ in size or depth, and so are no stack",
    "later-volume": "a volume after the first of a 4-D file",
    "mosaic": "slices tiled into one picture, without what says how many there are and where they lie",
    "impossible-geometry": "its header puts it where no patient is, or gives its voxels a size that none have",
    "other-plane": "too few or unevenly spaced slices to be cut in the plane asked for",
    "constant": "every pixel of the series is the same",
    "burned-in-text": "text burned into the pixels, which may name the patient",
    "says-burned-in": "Burned In Annotation (0028,0301) says YES",
    "says-recognizable": "Recognizable Visual Features (0028,0302) says YES: a face, or what makes one",
    "blank": "a slice with next to nothing on it",
    "duplicate": "a slice whose pixels came earlier",
    "not-asked": "a series that --only does not ask for",
    "mask-without-scan": "a mask whose name, or what it refers to, is that of no scan, or of several",
    "mask-shape": "a mask with other rows, columns or slices than its scan",
    "mask-affine": "a mask whose voxels lie elsewhere than those of its scan",
    "mask-frame-of-reference": "a segmentation in another frame of reference than its scan",
    "mask-values": "a mask whose values are no whole numbers from 0, or too many",
}
"""Why something is not in the store. Closed: provenance counts by these keys."""

READ_ERRORS = (*DAMAGE, OSError)
"""What readers raise on a file that is damaged, or cannot be read. Each becomes the reason `unreadable`."""


REJECTED_COLUMNS = ("file", "reason", "meaning")
"""The header of the list of files set aside, which is told by it among scans."""


MASKED = "masked-text"
"""Stands for a reason in the list of files, beside a file that is in the store without its text."""


Layout: TypeAlias = Literal["frames", "volume", "pages"]
"""What a piece is, which says how far it can be turned and who is asked whose it is.

`frames`: one slice of a stack, as the scanner wrote it, with a place in the patient or without.
`volume`: all slices of a scan, as stored in whatever order; the affine places them.
`pages`: one or more pictures that lie nowhere in a patient.
"""

Loaded: TypeAlias = tuple[Physical, dict[str, Any]]
"""Voxels in physical units, (axis, axis, axis) float32, and what is known of them.

affine: (4, 4) from voxel indices to RAS+ mm; of `pages`, or where no place is known, of the size of pixels alone, and
    where not even that is known, of how high they are for their width: diag(2, 1, 1, 1) makes tall pixels square.
slice_axis: which axis counts slices; the last where it is left out, as it must be for `frames` and `pages`.
oriented: False for a `volume` whose axes have no known direction in the patient, given as (row, column, slice); its
    affine is of the size of voxels alone.
spacing_known: False where nobody knows the size of a pixel, but its aspect at most; True where it is left out.
full_range: (lower, upper), the ends of the numbers' format; else those of the numbers.
voi: list of (lower, upper), windows for viewing, the first that shows anything counts.
unit: `HU` or `a.u.`; where it is left out, HU for a CT and a.u. for the rest.
kept, set_aside: of `frames`, the indices of the pieces that are slices, and (index, reason) of the others.
"""


class SetAside(Exception):  # noqa: N818 - nothing went wrong
    """A file or frame that does not go into the store. `reason` is a key of REASONS.

    `cause` is the class of what was raised, where something was: of the exception that is being handled, unless it
    is given. Never its words, which may quote the file.
    """

    def __init__(self, reason: str, cause: str | None = None) -> None:
        super().__init__(reason, cause)
        handled = sys.exception()
        self.reason = reason
        self.cause = cause if cause is not None else "" if handled is None else name_of(handled)


def name_of(error: BaseException) -> str:
    """The class of an exception, with its module where it is called `error`.

    >>> import zlib
    >>> name_of(EOFError()), name_of(zlib.error())
    ('EOFError', 'zlib.error')
    """
    kind = type(error)
    return kind.__name__ if kind.__name__ != "error" else f"{kind.__module__}.error"


def first_number(value: Value) -> float | None:
    """The number in a value, or the first of several; None where it is text.

    >>> first_number((2.0, 3.0)), first_number("x"), first_number(None)
    (2.0, None, None)
    """
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, float) else None


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a frame lies in the patient (DICOM PS3.3 C.7.6.2.1.1; LPS, mm).

    Args:
        orientation: direction cosines of a row and of a column, six numbers.
        origin: the centre of the first pixel.
        spacing: between rows and between columns.
    """

    orientation: tuple[float, ...]
    origin: tuple[float, float, float]
    spacing: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Piece:
    """One frame of a DICOM object, or a whole volume or picture.

    Args:
        path: the file.
        relative: the file under its source, with `/`: what labels are matched by and order is decided by.
        frame: the index in a multi-frame file.
        patient: who the file says it is of; empty where it says nobody.
        issuer, study: of a DICOM object, who numbered the patient, and its study or else its series; empty where it
            does not say.
        series: the source's key of the stack that the piece belongs to.
        modality: DICOM's Modality, OT where unknown; empty where the format names none, and the user's window decides.
        order: where no position decides: instance number, then what is unique.
        along_mm: position along the normal of its stack, None where unknown.
        geometry: None where unknown.
        spacing_mm: between rows and between columns, where there is no geometry but a size.
        thickness_mm: of a slice, where known.
        scan: what all stacks that may be made of its series have in common; empty where a series is one stack.
        echo_ms, b_value: echo time and diffusion weighting, where known.
        traits: what else tells it from others at its place, in the order of `stack.traits.TRAITS`.
        instance: names the object that the frame is of, wherever a copy of it lies.
        tile: (top, left, rows, columns) of a frame that holds many slices.
        sequence: of MR, a key of `scans.sequence.SEQUENCES`; empty where nobody says.
        shape: rows and columns of a frame, the three axes of a volume as stored; empty where the format does not say.
        volumes: how many volumes a 4-D file has; the first is read.
        burned_in: whether the header says that identifying text is in the pixels.
        recognizable: whether the header says that the patient can be recognised in the image.
        of_head: whether the header says that it shows the head or a part of it.
        page: whether it is a page rather than a slice if slices of its study have a place and it has none.
    """

    path: Path
    relative: str
    frame: int
    patient: str
    series: str
    modality: str
    order: tuple[int, str]
    along_mm: float | None = None
    geometry: Geometry | None = None
    spacing_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None
    volumes: int = 1
    burned_in: bool = False
    recognizable: bool = False
    of_head: bool = False
    issuer: str = ""
    study: str = ""
    page: bool = False
    scan: str = ""
    echo_ms: float | None = None
    b_value: float | None = None
    traits: tuple[Value, ...] = ()
    instance: str = ""
    tile: tuple[int, int, int, int] | None = None
    sequence: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MaskFile:
    """The file with the mask of a series: a `volume` (NIfTI, MGH), a `picture`, or a `segmentation` (DICOM SEG)."""

    path: Path
    relative: str
    kind: Literal["volume", "picture", "segmentation"]


@dataclass(frozen=True, slots=True)
class Series:
    """Pieces of one kind, in order, that are prepared together. `format` names a row of the table of formats."""

    format: str
    layout: Layout
    modality: str
    patient: str
    key: str
    pieces: tuple[Piece, ...]
    label: str | None = None
    age: float | None = None
    sex: str | None = None
    numbers: tuple[tuple[str, float], ...] = ()
    """Further columns of the table of labels."""
    whose: str = ""
    """How its patient was found out: a rule of `patients.owner`."""
    listed: bool = False
    """Whether the table of labels has a row for it."""
    mask: MaskFile | None = None

    @property
    def sequence(self) -> str:
        """Of an MR series, a key of `scans.sequence.SEQUENCES`; empty for other modalities."""
        return (self.pieces[0].sequence or OTHER) if self.modality == "MR" else ""

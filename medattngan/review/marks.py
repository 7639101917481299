"""Which way the patient lies in a picture: the letters at its edges."""

from __future__ import annotations

from medattngan.data.affine import PLANES

EDGES = ("left", "right", "top", "bottom")
OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}
SHOWN = {"S": "H", "I": "F"}
"""Head and feet, as DICOM's Patient Orientation (0020,0020) names them: PS3.3 C.7.6.1.1.1."""


def edges(plane: str | None) -> dict[str, str] | None:
    """The letter at each edge of a slice of `plane`; None where the plane does not say how it lies.

    >>> edges("axial"), edges("acquired")
    ({'left': 'R', 'right': 'L', 'top': 'A', 'bottom': 'P'}, None)
    """
    if plane not in PLANES:
        return None
    down, across = PLANES[plane][0], PLANES[plane][1]
    letters = (OPPOSITE[across], across, OPPOSITE[down], down)
    return {edge: SHOWN.get(letter, letter) for edge, letter in zip(EDGES, letters, strict=True)}

"""What a real series lends to the slices, and how they take it.

Positions stay behind: to the micrometer, they are as telling as a name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from medattngan.core.files import UserError
from medattngan.core.text import counted
from medattngan.data.intensity import IntensityMap
from medattngan.stages.export.image import Window
from medattngan.stages.export.plane import ORIENTATION, Plane

SAME_WAY = 0.7
"""A real row or column this close, as a cosine, to ours points the same way."""


@dataclass(frozen=True)
class Like:
    """The technical attributes of a real series as `ingest` would store it, each None or empty where it does not say.

    Args:
        orientation: direction cosines of a row and of a column.
        spacing_mm: of a pixel of the slices, both ways.
        thickness_mm: of a slice.
        window: (center, width) that opens.
        body_part: one of BODY_PARTS.
        passed_over: how many files lay beside the series that are no images of a patient.
    """

    orientation: tuple[float, ...] | None = None
    spacing_mm: float | None = None
    thickness_mm: float | None = None
    window: Window | None = None
    body_part: str = ""
    passed_over: int = 0

    def told(self) -> str:
        """What is lent and what is not, in one sentence."""
        spacing, thickness = self.spacing_mm, self.thickness_mm
        words = {
            "pixel size": f"{spacing:.6g} mm" if spacing else "",
            "slice thickness": f"{thickness:.6g} mm" if thickness else "",
            "orientation": " ".join(f"{one:g}" for one in self.orientation or ()),
            "window": f"{self.window[0]:g}, {self.window[1]:g}" if self.window else "",
            "body part": self.body_part,
        }
        lent = "; ".join(f"{name} {value}" for name, value in words.items() if value) or "nothing"
        missing = ", ".join(name for name, value in words.items() if not value)
        over = counted(self.passed_over, "files that are no images", "file that is no image")
        beside = f"; passed over: {over} of a patient" if self.passed_over else ""
        return f"borrowed: {lent}" + (f"; not to be had: {missing}" if missing else "") + beside


def plane_like(plane: Plane, like: Like) -> Plane:
    """`plane` with what `like` knows better.

    The orientation is taken where ours is unknown, or where rows and columns point nearly as ours do: a
    series that lies the other way round must not mirror a slice.

    Raises:
        UserError: the series lies in another plane.
    """
    orientation = plane.orientation
    if like.orientation is not None and (orientation is None or _same_way(orientation, like.orientation)):
        orientation = like.orientation
    elif like.orientation is not None and orientation is not None:
        normals = [np.cross(cosines[:3], cosines[3:]) for cosines in (orientation, like.orientation)]
        if abs(np.dot(*normals)) < SAME_WAY:
            named = next((name for name, cosines in ORIENTATION.items() if cosines == orientation), "of another plane")
            raise UserError(f"the slices are {named} but --like is of another plane; give a series of the same plane.")
    spacing = plane.spacing_mm if like.spacing_mm is None else (like.spacing_mm, like.spacing_mm)
    return Plane(orientation, spacing, like.thickness_mm or plane.thickness_mm, like.body_part or plane.body_part)


def window_like(like: Like, intensity: IntensityMap) -> Window | None:
    """The window of the series where it shows some of our values, else None: no picture may open black."""
    if like.window is None:
        return None
    center, width = like.window
    return like.window if center + width / 2 > intensity.lower and center - width / 2 < intensity.upper else None


def as_taken(like: Like, plane: Plane, window: Window | None) -> Like:
    """`like` without what slices of `plane`, opened with `window`, did not take."""
    return replace(
        like,
        orientation=like.orientation if plane.orientation == like.orientation else None,
        window=like.window if window == like.window else None,
    )


def _same_way(ours: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    return bool(min(np.dot(ours[:3], theirs[:3]), np.dot(ours[3:], theirs[3:])) > SAME_WAY)

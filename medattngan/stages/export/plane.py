"""Where a synthetic slice lies: the technical attributes of an image plane, canonical or after a real series.

DICOM PS3.3: C.7.6.2 Image Plane, C.7.4.1 Frame of Reference, 10.7 pixel spacing. Coordinates are LPS, mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

ORIENTATION: dict[str, tuple[float, ...]] = {
    "axial": (1, 0, 0, 0, 1, 0),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
}
"""Plane → direction of a row and of a column: stored slices lie as on a light box, see `data.affine`."""
PAIRED = {
    "ANKLE", "ARM", "BREAST", "CLAVICLE", "ELBOW", "FOOT", "HAND", "HIP", "KIDNEY", "KNEE", "LEG",
    "LUNG", "ORBIT", "SHOULDER", "THIGH", "WRIST",
}  # fmt: skip
UNPAIRED = {
    "ABDOMEN", "ABDOMENPELVIS", "BRAIN", "CERVIX", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "CSPINE",
    "HEAD", "HEADNECK", "HEART", "LIVER", "LSPINE", "NECK", "NECKCHEST", "PANCREAS", "PELVIS",
    "PROSTATE", "SKULL", "SPINE", "SPLEEN", "SSPINE", "TSPINE", "UTERUS", "WHOLEBODY",
}  # fmt: skip
BODY_PARTS = PAIRED | UNPAIRED
"""Terms of Body Part Examined (0018,0015), PS3.16 annex L, that may be told. Of pairs, no side is known."""
LETTERS = ("L", "P", "H"), ("R", "A", "F")


@dataclass(frozen=True)
class Plane:
    """What is known of the place and scale of a slice.

    Args:
        orientation: direction cosines of a row and of a column, or None.
        spacing_mm: between rows and between columns, or None. A guess would be measured with.
        thickness_mm: of a slice, or None.
        body_part: a defined term of Body Part Examined (0018,0015), or empty.
    """

    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None
    body_part: str = ""

    @property
    def patient_orientation(self) -> list[str]:
        """Where rows and columns point, by letters: Patient Orientation (0020,0020); empty where unknown.

        >>> Plane(ORIENTATION["coronal"]).patient_orientation
        ['L', 'F']
        """
        if self.orientation is None:
            return []
        letters = []
        for cosines in (self.orientation[:3], self.orientation[3:]):
            axis = int(np.abs(cosines).argmax())
            letters.append(LETTERS[int(cosines[axis] < 0)][axis])
        return letters

    def position(self, index: int, rows: int, columns: int) -> list[float]:
        """The center of the first pixel of slice `index`, Image Position (Patient)."""
        if self.orientation is None or self.spacing_mm is None:
            raise ValueError("a slice has no position without an orientation and a spacing")
        along_row, along_column = np.asarray(self.orientation[:3]), np.asarray(self.orientation[3:])
        corner = (
            -along_row * self.spacing_mm[1] * (columns - 1) / 2 - along_column * self.spacing_mm[0] * (rows - 1) / 2
        )
        place = corner + self.along(index) * np.cross(along_row, along_column)
        return [round(float(value), 6) + 0.0 for value in place]

    def along(self, index: int) -> float:
        """How far slice `index` lies along the normal, in mm; slice 0 lies on 0.

        Synthetic slices are independent of each other: the steps are for viewers that sort by place.
        """
        return index * (self.thickness_mm or max(self.spacing_mm or (0.0,)))


@dataclass(frozen=True)
class VolumePlane(Plane):
    """The slices of a volume, which lie where they were drawn.

    Args:
        along_mm: of each slice, along the normal of row and column.
    """

    along_mm: tuple[float, ...] = ()

    def along(self, index: int) -> float:
        """How far slice `index` lies along the normal, in mm."""
        return self.along_mm[index]

    @property
    def step_mm(self) -> float:
        """From slice to slice."""
        return abs(self.along_mm[-1] - self.along_mm[0]) / (len(self.along_mm) - 1)


def set_plane(dataset: Dataset, plane: Plane) -> None:
    """What any image may say: spacing, orientation by letters and body part, each where it is known."""
    dataset.PatientOrientation = plane.patient_orientation
    if plane.spacing_mm is not None:
        dataset.PixelSpacing = [format_number_as_ds(value) for value in plane.spacing_mm]
    if plane.body_part:
        dataset.BodyPartExamined = plane.body_part
    if plane.body_part not in UNPAIRED:
        dataset.Laterality = ""


def set_position(dataset: Dataset, plane: Plane, index: int, frame_of_reference_uid: str) -> None:
    """What an image in a patient's space must say: the place of slice `index`, in a frame of reference."""
    # Position of the patient in a machine that was never there: required, so empty.
    dataset.PatientPosition = ""
    if plane.orientation is None:
        raise ValueError("a slice has no position without an orientation")
    dataset.ImageOrientationPatient = [format_number_as_ds(float(value)) for value in plane.orientation]
    place = plane.position(index, dataset.Rows, dataset.Columns)
    dataset.ImagePositionPatient = [format_number_as_ds(value) for value in place]
    dataset.SliceThickness = None if plane.thickness_mm is None else format_number_as_ds(plane.thickness_mm)
    if isinstance(plane, VolumePlane):
        dataset.SpacingBetweenSlices = format_number_as_ds(plane.step_mm)
        dataset.SliceLocation = format_number_as_ds(plane.along(index))
    dataset.FrameOfReferenceUID = frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""

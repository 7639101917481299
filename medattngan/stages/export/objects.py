"""The kinds of object a slice can become. One table, SOPS, names them.

DICOM PS3.3: A.8.1 and C.8.6 Secondary Capture, A.8.4 Multi-frame Grayscale Word, A.3 and C.8.2 CT, A.4 and
C.8.3 MR.
"""

from __future__ import annotations

from collections.abc import Callable

from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import (
    CTImageStorage,
    MRImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

import medattngan
from medattngan.core.files import UserError
from medattngan.stages.export.origin import SOFTWARE
from medattngan.stages.export.plane import Plane


def set_secondary_capture(dataset: Dataset) -> None:
    """A picture that no scanner made: Conversion Type SYN."""
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "SYN"
    dataset.SecondaryCaptureDeviceManufacturer = SOFTWARE
    dataset.SecondaryCaptureDeviceManufacturerModelName = f"{SOFTWARE} generator"
    dataset.SecondaryCaptureDeviceSoftwareVersions = medattngan.__version__


def set_multiframe(dataset: Dataset, frames: int) -> None:
    """Slices of a series in one Secondary Capture, as pages."""
    set_secondary_capture(dataset)
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.NumberOfFrames = frames
    if frames == 1:  # C.7.6.6: nothing is incremented
        return
    dataset.FrameIncrementPointer = Tag("PageNumberVector")
    dataset.PageNumberVector = list(range(1, frames + 1))


def set_ct(dataset: Dataset) -> None:
    """A CT image. Tube and gantry had no part in it, so what describes them stays empty."""
    dataset.SOPClassUID = CTImageStorage
    dataset.Modality = "CT"
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.KVP = None
    dataset.AcquisitionNumber = None


def set_mr(dataset: Dataset) -> None:
    """An MR image of the research sequence (RM): there was no real one."""
    dataset.SOPClassUID = MRImageStorage
    dataset.Modality = "MR"
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    dataset.ScanningSequence = "RM"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = ""
    dataset.EchoTime = None
    dataset.RepetitionTime = None
    dataset.EchoTrainLength = None


SOPS: dict[str, Callable[[Dataset], None]] = {"sc": set_secondary_capture, "ct": set_ct, "mr": set_mr}
"""What `--sop` chooses from: Secondary Capture, CT Image Storage, MR Image Storage."""


def require_sop(sop: str, *, modality: str, unit: str, plane: Plane, multiframe: bool) -> None:
    """Refuse to make what the object's definition does not allow.

    Raises:
        UserError: there is no such kind, or the slices lack what it needs.
    """
    require_combination(sop, multiframe)
    if sop == "sc":
        return
    if modality not in ("OT", sop.upper()):
        raise UserError(f"the slices are {modality}, so --sop {sop} would be untrue; use --sop sc.")
    if sop == "ct" and unit != "HU":
        raise UserError(f"--sop ct needs values in HU but the slices are in {unit}; use --sop sc.")
    if plane.orientation is None:
        raise UserError(f"--sop {sop} needs an anatomical plane, which the slices do not tell; use --like SERIES.")
    if plane.spacing_mm is None:
        raise UserError(f"--sop {sop} needs the size of a pixel, which the slices do not tell; use --like SERIES.")


def require_combination(sop: str, multiframe: bool) -> None:
    """Refuse what no slices could become.

    Raises:
        UserError: there is no such kind, or it has no frames.
    """
    if sop not in SOPS:
        raise UserError(f"there is no --sop {sop!r}; choose one of {', '.join(SOPS)}.")
    if multiframe and sop != "sc":
        raise UserError(f"--multiframe makes a Secondary Capture and cannot go with --sop {sop}; leave one out.")

"""Secondary Capture: a picture that no scanner made, and that says so. DICOM PS3.3 A.8.1 and C.8.6."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

import medattngan
from medattngan.export.identity import SOFTWARE


def set_secondary_capture(dataset: Dataset) -> None:
    """Make `dataset` a Secondary Capture of a synthetic image (Conversion Type SYN)."""
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "SYN"
    dataset.SecondaryCaptureDeviceManufacturer = SOFTWARE
    dataset.SecondaryCaptureDeviceManufacturerModelName = f"{SOFTWARE} generator"
    dataset.SecondaryCaptureDeviceSoftwareVersions = medattngan.__version__

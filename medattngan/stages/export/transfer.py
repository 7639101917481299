"""How pixels are written: the transfer syntaxes on offer, all lossless. DICOM PS3.5 8.2 and annex A."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

import medattngan
from medattngan.core.files import UserError
from medattngan.stages.export.origin import UUID_ROOT, make_uid

TRANSFER_SYNTAXES: dict[str, UID] = {
    "explicit": ExplicitVRLittleEndian,
    "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
    "rle": RLELossless,
}
"""What `--transfer-syntax` chooses from. `explicit` is not compressed and opens everywhere."""

IMPLEMENTATION_UID = make_uid(UUID_ROOT, "implementation", "medattngan")
"""Names this writer in every file's meta information."""


def require_transfer_syntax(name: str) -> None:
    """Refuse a name that is not in the table.

    Raises:
        UserError: it is not.
    """
    if name not in TRANSFER_SYNTAXES:
        raise UserError(f"there is no --transfer-syntax {name!r}; choose one of {', '.join(TRANSFER_SYNTAXES)}.")


def save(dataset: Dataset, path: Path, transfer_syntax: str = "explicit") -> None:
    """Write `dataset`, whose pixels are not compressed, as a DICOM file; it is compressed on the way."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = f"MEDATTNGAN_{medattngan.__version__}"[:16]
    dataset.file_meta = meta
    if transfer_syntax != "explicit":
        dataset.compress(TRANSFER_SYNTAXES[transfer_syntax], generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)

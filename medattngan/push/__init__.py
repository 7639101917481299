"""Synthetic DICOM files → a PACS, over DICOMweb or DIMSE; each instance once, each outcome on record."""

from __future__ import annotations

from medattngan.push.credentials import Credentials
from medattngan.push.folder import PushReport, push
from medattngan.push.patience import Patience

__all__ = ["Credentials", "Patience", "PushReport", "push"]

"""Synthetic slices as DICOM objects that open everywhere and say what they are."""

from __future__ import annotations

from medattngan.export.foreign import read_foreign
from medattngan.export.write import ExportReport, export

__all__ = ["ExportReport", "export", "read_foreign"]

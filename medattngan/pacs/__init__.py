"""Synthetic DICOM files → a PACS, over DICOMweb or DIMSE; each instance once, each outcome on record."""

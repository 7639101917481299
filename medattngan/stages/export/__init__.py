"""Samples → DICOM objects that open everywhere and say what they are."""

"""Scans → SliceStore."""

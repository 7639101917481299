"""Scans of any format → prepared slices."""

"""Masks of scans: which file is whose, what is in it, and the way through the same geometry as its scan."""

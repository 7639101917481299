"""Whose each scan is."""

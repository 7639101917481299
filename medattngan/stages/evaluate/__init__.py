"""Samples → Scores."""

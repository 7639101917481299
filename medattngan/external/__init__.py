"""The one door for slices that others made."""

"""Run → Samples."""

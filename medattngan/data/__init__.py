"""Slices on disk and in memory: the store, samples, batches."""

"""Latents of real slices, what a run draws from them, and how odd a slice looks to it."""

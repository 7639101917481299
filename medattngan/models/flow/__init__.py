"""Flows between noise and latents: how the codes of slices lie, which is not quite as N(0, I) has it."""

"""Training: one loop, one step, and a state that survives anything."""

from medattngan.train.loop import train

__all__ = ["train"]

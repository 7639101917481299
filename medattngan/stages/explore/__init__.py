"""Run → what its generator can draw, to look at."""

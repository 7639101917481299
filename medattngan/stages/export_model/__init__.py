"""A trained generator for other people's programs."""

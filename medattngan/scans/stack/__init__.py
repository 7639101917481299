"""Which frames of a series are one stack: alike in kind, orientation and size, with one frame at a place."""

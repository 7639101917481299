"""The blinded reader study: which slices people take for real, how sure they are, and what that proves."""

"""What to do about text that is burned into scans. On its own, so that the command line can list it without torch."""

from __future__ import annotations

SCREENS = ("set-aside", "mask")
"""Leave the slices out, or cover the text."""

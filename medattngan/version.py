"""The version, below everything else, so that what records it need not import the whole package."""

from __future__ import annotations

__version__ = "0.1.0"

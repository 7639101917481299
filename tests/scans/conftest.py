"""Every ingest in these tests uses a salt of its own, never the user's."""

from __future__ import annotations

from helpers.salt import salt

__all__ = ["salt"]

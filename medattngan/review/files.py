"""The files of the pages that a study's server hands out: a literal table, so that no client's path leads to a file."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response

PAGE = Path(__file__).with_name("page")
_SCRIPT = "text/javascript; charset=utf-8"
_SCRIPTS = (
    "api", "app", "cases", "clock", "commands", "curtain", "delivery", "element", "form", "gallery", "gestures", "help",
    "keys", "messages", "outbox", "owner", "panes", "picture", "progress", "reading", "resample", "screens", "settings",
    "storage", "toolbar", "viewer", "windowing", "words",
)  # fmt: skip
STATIC: dict[str, str] = {
    **{f"{name}.js": _SCRIPT for name in _SCRIPTS},
    "reader.css": "text/css; charset=utf-8",
    "owner.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The pages' files under /static/, with their media types."""


def page_file(name: str, media_type: str) -> Response:
    """A file of the pages; `name` is ours, never a client's."""
    try:
        return Response((PAGE / name).read_bytes(), headers={"content-type": media_type})
    except FileNotFoundError:
        raise HTTPException(404, "This file of the page is missing; install medattngan again.") from None

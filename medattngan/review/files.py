"""The files of the pages that a study's server hands out: a literal table, so that no client's path leads to a file."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medattngan.review.languages import in_language, language_of

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


def page_in_language(name: str, request: Request) -> Response:
    """A page in the language that the browser likes best; `name` is ours, never a client's."""
    page = page_file(name, "text/html; charset=utf-8")
    language = language_of(request.headers.get("accept-language", ""))
    return Response(in_language(bytes(page.body), language), headers={"content-type": "text/html; charset=utf-8"})

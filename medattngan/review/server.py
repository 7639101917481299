"""The web server of a reader study: a page, pixels, and reads that are acknowledged once they are on the disk.

It tells no truth because it has none: it never opens truth.parquet. What it sends of a case is its pixels, of one size
whatever the case, and the reader's own answers. Who may ask is decided by a session cookie, got by a personal link;
who may write, by a CSRF token too. Paths that clients name lead to no file: the page's files stand in a literal table.
"""

from __future__ import annotations

import hmac
import json
import logging
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from medattngan.core.addresses import neighbourhood
from medattngan.review.database import SESSION_DAYS, Database, RefusedError, Session
from medattngan.review.files import STATIC, page_file, page_in_language
from medattngan.review.guard import Guard
from medattngan.review.links import RateLimit
from medattngan.review.marks import edges
from medattngan.review.owner import Owner
from medattngan.review.study import Study, depth, sides

LINK_TRIES = 20
"""Wrong links that one address may try in a minute."""
WRITES = 600
"""Reads that one reader may send in a minute: far more than anyone reads, and room for a queue kept while offline."""
DAY_MS = 86_400_000

log = logging.getLogger(__name__)


class ReviewServer:
    """The endpoints of one study."""

    def __init__(self, study: Study, database: Database, *, secure: bool) -> None:
        self.study, self.database, self.secure = study, database, secure
        # The prefix makes browsers refuse the cookie from anywhere but this host over TLS (RFC 6265bis, 4.1.3).
        self.cookie = "__Host-medattngan" if secure else "medattngan"
        self.failures = RateLimit(LINK_TRIES, 60)
        self.writes = RateLimit(WRITES, 60)

    def routes(self) -> list[Route]:
        """Every path that there is."""
        return [
            Route("/", self.page),
            Route("/static/{name:str}", self.static),
            Route("/r/{token:str}", self.enter),
            Route("/api/study", self.describe),
            Route("/api/cases/{n:int}", self.case),
            Route("/api/cases/{n:int}/pixels", self.pixels),
            Route("/api/references/{k:int}/pixels", self.reference),
            Route("/api/reads/{n:int}", self.save, methods=["PUT"]),
        ]

    # Open to all: a page that shows nothing without a session

    def page(self, request: Request) -> Response:
        """The reading page in the browser's language.

        It needs no cookie: a browser that follows a mailed link sends none on the way here.
        """
        return page_in_language("index.html", request)

    def static(self, request: Request) -> Response:
        """A file of the page."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise HTTPException(404, "There is no such file.")
        return page_file(name, STATIC[name])

    def enter(self, request: Request) -> Response:
        """A personal link: open a session and go to the page.

        A right link opens it whoever else has tried wrong ones: readers and strangers may come from one address.
        """
        session = self.database.open_session(request.path_params["token"])
        if session is None:
            address = neighbourhood(request.client.host) if request.client else ""
            if not self.failures.hit(address):
                raise HTTPException(429, "Too many wrong links were tried; wait a minute.", {"Retry-After": "60"})
            raise HTTPException(404, "This link is not valid; ask whoever sent it for a new one.")
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            self.cookie, session, max_age=SESSION_DAYS * 86400, path="/", secure=self.secure, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return response

    # With a session

    def describe(self, request: Request) -> Response:
        """What the page must know of the study, and how far this reader is."""
        session = self._session(request)
        facts, protocol = self.study.facts, self.study.protocol
        shown = ("count", "reference_count", "width", "height", "spacing_mm", "unit", "lower", "upper")
        answered, following = self.database.progress(session.reader)
        return JSONResponse(
            {
                **{key: facts[key] for key in (*shown, "window", "presets")},
                "sides": sides(facts),
                "depth": depth(facts),
                "edges": edges(facts.get("plane")),
                # The page keys what it keeps by this, so that readers who share a computer are not mixed up.
                "reader": f"{facts['study']}-{session.reader}",
                "title": protocol.title,
                "instructions": protocol.instructions,
                "back_allowed": protocol.back_allowed,
                "questions": protocol.public(),
                "answered": answered,
                "next": following,
                "closed": self.database.closed_at() is not None,
                "csrf": session.csrf,
            }
        )

    def case(self, request: Request) -> Response:
        """What this reader has answered to a case."""
        session = self._session(request)
        n = request.path_params["n"]
        self._index(session, n)
        read = self.database.newest(session.reader, n)
        closed = self.database.closed_at() is not None
        return JSONResponse(
            {
                "n": n,
                "answers": read.answers if read else None,
                "milliseconds": read.milliseconds if read else None,
                "locked": closed or (read is not None and not self.study.protocol.back_allowed),
            }
        )

    def pixels(self, request: Request) -> Response:
        """The pixels of a case, little-endian uint16: not compressed and not tagged, since both tell of the content."""
        index = self._index(self._session(request), request.path_params["n"])
        return Response(self.study.pixels(index), media_type="application/octet-stream")

    def reference(self, request: Request) -> Response:
        """The pixels of a reference, as those of a case."""
        self._session(request)
        k, references = request.path_params["k"], self.study.references
        if references is None or not 1 <= k <= len(references):
            raise HTTPException(404, f"There is no reference {k}.")
        return Response(references[k - 1].tobytes(), media_type="application/octet-stream")

    async def save(self, request: Request) -> Response:
        """Take one read; answer once it is on the disk."""
        session = await run_in_threadpool(self._session, request)
        given = request.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise HTTPException(403, "The CSRF token is missing or another's; load the page again.")
        if not self.writes.hit(str(session.reader)):
            raise HTTPException(429, "Too many answers at once; wait a minute.", {"Retry-After": "10"})
        n = request.path_params["n"]
        await run_in_threadpool(self._index, session, n)
        read_id, answers, milliseconds = self._body(await request.body())
        answered, following = await run_in_threadpool(
            self.database.save, session.reader, n, read_id, answers, milliseconds,
            back_allowed=self.study.protocol.back_allowed,
        )  # fmt: skip
        return JSONResponse({"n": n, "saved": True, "answered": answered, "next": following})

    def _body(self, body: bytes) -> tuple[str, dict[str, int | str], int]:
        try:
            tree = json.loads(body)
        except (ValueError, RecursionError):
            raise HTTPException(422, "The body is not JSON.") from None
        if not isinstance(tree, dict) or set(tree) != {"read_id", "answers", "milliseconds"}:
            raise HTTPException(422, "The body must hold read_id, answers and milliseconds, and nothing else.")
        if not _is_uuid4(tree["read_id"]):
            raise HTTPException(422, "read_id must be a version 4 UUID in lower case.")
        milliseconds = tree["milliseconds"]
        if type(milliseconds) is not int or not 0 <= milliseconds <= DAY_MS:
            raise HTTPException(422, f"milliseconds must be a whole number from 0 to {DAY_MS}.")
        if problem := self.study.protocol.problem(tree["answers"]):
            raise HTTPException(422, f"{problem[0].upper()}{problem[1:]}.")
        return tree["read_id"], tree["answers"], milliseconds

    def _session(self, request: Request) -> Session:
        session = self.database.session(request.cookies.get(self.cookie, ""))
        if session is None:
            raise HTTPException(401, "Open the study with your personal link.")
        return session

    def _index(self, session: Session, n: int) -> int:
        index = self.database.case(session.reader, n) if n <= self.study.facts["count"] else None
        if index is None:
            raise HTTPException(404, f"There is no case {str(n)[:20]}.")
        return index


def _is_uuid4(text: object) -> bool:
    try:
        return isinstance(text, str) and uuid.UUID(text).version == 4 and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _sentence(request: Request, error: Exception) -> Response:
    """Every error as JSON with one sentence."""
    if isinstance(error, HTTPException):
        standard = {404: "There is nothing at this address.", 405: "This address does not take that method."}
        plain = error.detail if error.detail.endswith(".") else standard.get(error.status_code, f"{error.detail}.")
        return JSONResponse({"error": plain}, error.status_code, headers=error.headers)
    if isinstance(error, RefusedError):
        return JSONResponse({"error": str(error)}, error.status)
    if isinstance(error, ClientDisconnect):
        return JSONResponse({"error": "The request was cut off."}, 400)
    if isinstance(error, sqlite3.Error):
        log.error("the answers cannot be stored or read: %s", error)
        sentence = "The server cannot store answers now; what you entered is kept and sent again."
        return JSONResponse({"error": sentence}, 503, headers={"Retry-After": "10"})
    return JSONResponse({"error": "The server met a fault of its own; try again."}, 500)


HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    HTTPException: _sentence,
    RefusedError: _sentence,
    ClientDisconnect: _sentence,
    sqlite3.Error: _sentence,
    Exception: _sentence,
}


def build_app(
    study: Study,
    database: Database,
    hosts: Sequence[str],
    *,
    secure: bool = False,
    owner: str | None = None,
    interim: bool = False,
) -> ASGIApp:
    """The ASGI application of one study.

    Args:
        hosts: names under which it may be asked for (the Host header without its port).
        secure: it is reached by TLS.
        owner: the token of the owner's link; None for no owner's page.
        interim: the owner's page shows findings before the study is closed.
    """
    server = ReviewServer(study, database, secure=secure)
    routes = server.routes()
    if owner is not None:
        routes += Owner(study, database, owner, server.failures, secure=secure, interim=interim).routes()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(database.close)

    # The guard stands outside of Starlette's own middleware, so that even the answer to a fault carries its headers.
    return Guard(Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan), hosts)

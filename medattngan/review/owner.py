"""The owner's page: how far readers are, and what they found once the study is closed.

Its link is a secret that `review serve` draws anew each time it starts, prints, and keeps in memory alone: no file
holds it, and readers' links do not open it. Until the study is closed the page knows counts and no answers; with
`--interim` its owner has asked for the findings so far, and the study notes that it was looked into.
"""

from __future__ import annotations

import hmac
import threading
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from medattngan.core.addresses import neighbourhood
from medattngan.core.files import UserError
from medattngan.review.analyse import analyse_study, look_before_the_end
from medattngan.review.database import Database
from medattngan.review.files import page_in_language
from medattngan.review.links import RateLimit, hash_secret, new_secret
from medattngan.review.study import Study

OWNER_SESSIONS = 20
SESSION_SECONDS = 12 * 3600


class Owner:
    """The owner's endpoints of one study."""

    def __init__(
        self, study: Study, database: Database, token: str, failures: RateLimit, *, secure: bool, interim: bool
    ) -> None:
        self.study, self.database, self.secure, self.interim = study, database, secure, interim
        self.cookie = "__Host-medattngan-owner" if secure else "medattngan-owner"
        self.failures = failures
        self._link = hash_secret(token)
        self._sessions: list[tuple[str, float]] = []
        self._found: tuple[object, dict[str, Any] | None] = (None, None)
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """Its paths."""
        return [
            Route("/owner", self.page),
            Route("/owner/{token:str}", self.enter),
            Route("/api/owner", self.describe),
        ]

    def page(self, request: Request) -> Response:
        """The page in the browser's language; it shows nothing without a session."""
        return page_in_language("owner.html", request)

    def enter(self, request: Request) -> Response:
        """The owner's link: open a session and go to the page."""
        if not hmac.compare_digest(hash_secret(request.path_params["token"]), self._link):
            if not self.failures.hit(neighbourhood(request.client.host) if request.client else ""):
                raise HTTPException(429, "Too many wrong links were tried; wait a minute.", {"Retry-After": "60"})
            raise HTTPException(404, "This link is not valid; review serve prints a new one each time it starts.")
        session = new_secret()
        with self._lock:
            self._sessions = [*self._sessions, (hash_secret(session), time.monotonic())][-OWNER_SESSIONS:]
        response = RedirectResponse("/owner", status_code=303)
        response.set_cookie(
            self.cookie, session, max_age=SESSION_SECONDS, path="/", secure=self.secure, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return response

    def describe(self, request: Request) -> Response:
        """How far everyone is; the findings where they may be shown."""
        given = hash_secret(request.cookies.get(self.cookie, ""))
        since = time.monotonic() - SESSION_SECONDS
        if not any(hmac.compare_digest(given, known) and opened > since for known, opened in self._sessions):
            raise HTTPException(401, "Open this page with the link that review serve printed.")
        closed_at = self.database.closed_at()
        readers = [
            {"reader": f"reader-{reader}", "read": len(self.database.progress(reader)[0])}
            for reader in self.database.readers()
        ]
        found = self._findings(closed_at, [one["read"] for one in readers])
        told = {
            "title": self.study.protocol.title,
            "count": self.study.facts["count"],
            "pairs": self.study.protocol.pairs,
            "closed_at": closed_at,
            "readers": readers,
            "interim": self.interim and closed_at is None,
            "looked_at": self.database.looked_at(),
        }
        return JSONResponse({**told, **found})

    def _findings(self, closed_at: str | None, state: list[object]) -> dict[str, Any]:
        """Sentences and the table of readers, worked out anew only when reads have come."""
        if closed_at is None and not self.interim:
            return {"found": None, "problem": None}
        with self._lock:
            reads = self.study.path / "reads.csv"
            stamp = reads.stat().st_mtime_ns if closed_at is not None and reads.is_file() else self.database.newest_id()
            known = (closed_at, stamp, *state)
            if self._found[0] != known:
                try:
                    self._found = (known, self._work_out(closed_at))
                except UserError as error:
                    return {"found": None, "problem": f"{str(error)[0].upper()}{str(error)[1:]}"}
            return {"found": self._found[1], "problem": None}

    def _work_out(self, closed_at: str | None) -> dict[str, Any] | None:
        stats = analyse_study(self.study.path) if closed_at else look_before_the_end(self.study, self.database)
        if stats is None:
            return None
        share = "right" if self.study.protocol.pairs else "accuracy"
        rows = [
            {"reader": entry["reader"], "reads": entry["reads"], **entry[share], "p": entry["guessing"]["p"]}
            for entry in stats["readers"]
        ]
        pooled = stats["right"] if self.study.protocol.pairs else stats["pooled"]["accuracy"]
        last = {"value": pooled["value"], "ci95": pooled["ci95"], "p": stats["guessing"]["p_accuracy"]}
        rows.append({"reader": "pooled", "reads": stats["counts"]["reads"], **last})
        return {"findings": stats["findings"], "notes": stats["notes"], "readers": rows}

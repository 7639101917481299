"""The owner's page: who may see it, and that it is blinded until the study is closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from helpers.review_cases import ANSWERS, Made, Reader, client, fetch, make_study, serving
from typer.testing import CliRunner

import medattngan as mg
from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.review import owner as owner_page
from medattngan.review.close import close_study
from medattngan.review.database import Database
from medattngan.review.serve import _run

TOKEN = "owner-" + "x" * 26


@contextmanager
def owner(address: str) -> Iterator[httpx.Client]:
    """A browser that has followed the owner's link."""
    with client(base_url=address) as http:
        assert http.get(f"/owner/{TOKEN}").headers["location"] == "/owner"
        yield http


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_study(tmp_path / "s", count=3, readers=2)


def read_all(address: str, made: Made) -> None:
    """Both readers read all cases by a rule."""
    for token in made.tokens:
        reader = Reader(address, token)
        for n in range(1, 7):
            assert reader.put(n, {**ANSWERS, "authenticity": 1 + n % 5}).status_code == 200


def test_the_owner_sees_counts_and_nothing_else_before_the_study_is_closed(made: Made) -> None:
    with serving(made.path, TOKEN) as address, owner(address) as http:
        read_all(address, made)
        told = http.get("/api/owner").json()
    assert [one["read"] for one in told["readers"]] == [6, 6]
    assert (told["found"], told["closed_at"], told["looked_at"]) == (None, None, None)


@pytest.mark.slow
def test_the_owner_sees_what_the_statistics_say_once_the_study_is_closed(made: Made) -> None:
    with serving(made.path, TOKEN) as address, owner(address) as http:
        read_all(address, made)
        close_study(made.path)
        told = http.get("/api/owner").json()
        assert told["closed_at"] is not None
        assert told["found"]["findings"] == mg.analyse_study(made.path)["findings"]
        assert [row["reader"] for row in told["found"]["readers"]] == ["reader-1", "reader-2", "pooled"]


@pytest.mark.slow
def test_the_server_needs_no_truth_to_show_the_findings_of_a_closed_study(made: Made) -> None:
    with serving(made.path, TOKEN) as address, owner(address) as http:
        read_all(address, made)
        close_study(made.path)
        (made.path / "truth.parquet").unlink()
        assert http.get("/api/owner").json()["found"]["findings"]


@pytest.mark.slow
def test_a_look_before_the_end_is_asked_for_and_noted(made: Made) -> None:
    with serving(made.path, TOKEN, interim=True) as address, owner(address) as http:
        read_all(address, made)
        told = http.get("/api/owner").json()
        assert told["interim"]
        assert told["found"]["findings"]
        assert told["looked_at"] is not None
    assert "looked at before the end" in CliRunner().invoke(app, ["review", "status", str(made.path)]).output
    close_study(made.path)
    assert any("looked at before the study was closed" in note for note in mg.analyse_study(made.path)["notes"])


def test_a_truth_that_was_changed_shows_no_findings_before_the_end(made: Made) -> None:
    (made.path / "truth.parquet").write_bytes(b"changed")
    with serving(made.path, TOKEN, interim=True) as address, owner(address) as http:
        told = http.get("/api/owner").json()
        assert told["found"] is None
        assert "not the file that was sealed" in told["problem"]


@pytest.mark.slow
def test_neither_readers_nor_strangers_see_the_owners_page(made: Made) -> None:
    with serving(made.path, TOKEN) as address:
        reader = Reader(address, made.tokens[0])
        assert reader.http.get("/api/owner").status_code == 401
        assert reader.http.get(f"/owner/{made.tokens[0]}").status_code == 404
        assert reader.http.get(f"/r/{TOKEN}").status_code == 404
        wrong = [reader.http.get(f"/owner/wrong{n}").status_code for n in range(25)]
        assert 429 in wrong
    with serving(made.path) as address:
        assert fetch(f"{address}/owner/{TOKEN}").status_code == 404


def test_the_owners_link_is_in_no_file_of_the_study(made: Made) -> None:
    with serving(made.path, TOKEN) as address, owner(address) as http:
        http.get("/api/owner")
        held = b"".join(file.read_bytes() for file in made.path.iterdir())
    assert TOKEN.encode() not in held


def test_an_open_study_cannot_be_analysed(made: Made) -> None:
    with pytest.raises(UserError, match="not closed yet"):
        mg.analyse_study(made.path)
    close_study(made.path, incomplete=True)
    with pytest.raises(UserError, match="without a single read"):
        mg.analyse_study(made.path)


def test_a_study_made_before_there_was_an_owners_page_has_never_been_looked_at(made: Made) -> None:
    database = Database(made.path / "study.sqlite")
    assert database.looked_at() is None
    database.close()


def test_a_study_is_served_from_a_notebook_whose_loop_runs() -> None:
    class Server:
        """Stands for uvicorn's: serves until it is told to stop."""

        should_exit = False
        thread: threading.Thread | None = None

        async def serve(self) -> None:
            self.thread = threading.current_thread()
            while not self.should_exit:
                await asyncio.sleep(0.01)

    server = Server()

    async def cell() -> None:
        threading.Timer(0.05, lambda: setattr(server, "should_exit", True)).start()
        _run(server, secure=False)  # type: ignore[arg-type]

    asyncio.run(cell())
    assert server.thread not in (None, threading.current_thread())
    assert not server.thread.is_alive()


def test_a_session_of_the_owner_ends_though_its_cookie_is_sent_again(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(made.path, TOKEN) as address, owner(address) as http:
        assert http.get("/api/owner").status_code == 200
        monkeypatch.setattr(owner_page, "SESSION_SECONDS", -1)
        assert http.get("/api/owner").status_code == 401

"""The review server: who gets in, what is taken, what never comes out."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from helpers.review_cases import ANSWERS, SIZE, Made, Reader, client, fetch, make_study, serving

from medattngan.review.close import close_study
from medattngan.review.database import Database
from medattngan.review.files import PAGE, STATIC
from medattngan.review.server import LINK_TRIES
from medattngan.review.study import Study

HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """8 cases, 2 references, 3 readers; its truth is taken away, so that nothing could be read from it."""
    made = make_study(tmp_path_factory.mktemp("review") / "made", references=2, readers=3)
    (made.path / "truth.parquet").rename(made.path.parent / "truth.parquet")
    return made


@pytest.fixture
def reader(address: str, made: Made) -> Reader:
    """The first reader, with a session."""
    return Reader(address, made.tokens[0])


def assert_refused(response: httpx.Response, status: int, word: str = "") -> None:
    """An error is its status and one sentence, under the same headers as all else."""
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    sentence = response.json()["error"]
    assert sentence.endswith(".")
    assert word in sentence
    assert_guarded(response)


def assert_guarded(response: httpx.Response) -> None:
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "etag" not in response.headers
    assert "server" not in response.headers


def test_a_link_opens_a_session_that_scripts_cannot_read(address: str, made: Made) -> None:
    response = fetch(f"{address}/r/{made.tokens[0]}")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert made.tokens[0] not in cookie
    assert_guarded(response)


def test_the_file_holds_neither_links_nor_sessions(reader: Reader, made: Made) -> None:
    stored = b"".join(file.read_bytes() for file in made.path.glob("study.sqlite*"))
    assert not any(token.encode() in stored for token in made.tokens)
    assert next(iter(reader.http.cookies.values())).encode() not in stored


@pytest.mark.parametrize("path", ["/api/study", "/api/cases/1", "/api/cases/1/pixels", "/api/references/1/pixels"])
def test_nothing_of_the_study_comes_without_a_session(address: str, path: str) -> None:
    assert_refused(fetch(address + path), 401, "link")
    assert_refused(fetch(address + path, headers={"cookie": "medattngan=" + "A" * 32}), 401, "link")


def test_a_read_needs_a_session(address: str) -> None:
    assert_refused(httpx.put(f"{address}/api/reads/1", json={}), 401)


def test_the_page_and_its_files_come_to_all(address: str) -> None:
    page = fetch(address + "/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert_guarded(page)
    with client(base_url=address) as http:
        for name, kind in STATIC.items():
            file = http.get(f"/static/{name}")
            assert (file.status_code, file.headers["content-type"]) == (200, kind)
            assert file.content == (PAGE / name).read_bytes()


def test_every_file_of_the_page_is_in_the_table() -> None:
    assert {file.name for file in PAGE.iterdir() if file.is_file()} == {*STATIC, "index.html", "owner.html"}


@pytest.mark.parametrize(
    "path",
    [
        "/static/study.json", "/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/%2e%2e/cli.py",
        "/static//etc/passwd", "/static/index.html%00", "/static/.", "/truth.parquet", "/cases.npy", "/study.sqlite",
        "/api/cases/1/../../../study.json", "/api/truth", "/docs", "/r/", "/r/../study.json",
    ],
)  # fmt: skip
def test_no_path_leads_into_the_file_system(reader: Reader, path: str) -> None:
    request = httpx.Request("GET", str(reader.http.base_url).rstrip("/") + "/", headers=reader.http.headers)
    request.url = request.url.copy_with(raw_path=path.encode())
    assert_refused(reader.http.send(request), 404)


def test_the_page_is_told_what_it_needs_and_nothing_more(reader: Reader, made: Made) -> None:
    told = reader.http.get("/api/study").json()
    assert set(told) == {
        "reader", "title", "instructions", "count", "reference_count", "back_allowed", "width", "height", "spacing_mm",
        "unit", "lower", "upper", "window", "presets", "questions", "answered", "next", "closed", "csrf",
        "sides", "depth", "edges",
    }  # fmt: skip
    assert (told["count"], told["reference_count"], told["width"], told["spacing_mm"]) == (8, 2, SIZE, 4.0)
    assert "role" not in json.dumps(told)
    assert not any(word in json.dumps(told) for word in ("seed", "digest", "truth", "row"))


def test_pixels_are_those_of_the_readers_own_order(address: str, made: Made) -> None:
    cases = np.load(made.path / "cases.npy")
    orders = []
    for token in made.tokens[:2]:
        reader = Reader(address, token)
        shown = [np.frombuffer(reader.http.get(f"/api/cases/{n}/pixels").content, "<u2") for n in range(1, 9)]
        orders.append([int(np.flatnonzero((cases.reshape(8, -1) == one).all(1))[0]) for one in shown])
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(8))
    assert orders[0] != orders[1]


def test_references_are_as_stored(reader: Reader, made: Made) -> None:
    references = np.load(made.path / "references.npy")
    for k, stored in enumerate(references, start=1):
        assert reader.http.get(f"/api/references/{k}/pixels").content == stored.tobytes()
    assert_refused(reader.http.get("/api/references/3/pixels"), 404)
    assert_refused(reader.http.get("/api/references/0/pixels"), 404)


def test_a_read_is_kept_and_counted(address: str, made: Made) -> None:
    reader = Reader(address, made.tokens[1])
    answer = reader.put(1, {**ANSWERS, "comment": "ringing; ± 3 µm\nsecond line"})
    assert answer.json() == {"n": 1, "saved": True, "answered": [1], "next": 2}
    case = reader.http.get("/api/cases/1").json()
    answers = {**ANSWERS, "comment": "ringing; ± 3 µm\nsecond line"}
    assert case == {"n": 1, "answers": answers, "milliseconds": 1200, "locked": False}
    changed = reader.put(1, {**ANSWERS, "authenticity": 5})
    assert changed.json()["answered"] == [1]
    assert reader.http.get("/api/cases/1").json()["answers"]["authenticity"] == 5
    other = Reader(address, made.tokens[2])
    assert other.http.get("/api/cases/1").json()["answers"] is None


def test_a_read_sent_again_is_kept_once(reader: Reader, made: Made) -> None:
    read_id = str(uuid.uuid4())
    first, again = reader.put(2, read_id=read_id), reader.put(2, read_id=read_id)
    assert first.json() == again.json()
    assert count_reads(made.path, read_id) == 1
    assert_refused(reader.put(3, read_id=read_id), 409, "read_id")
    assert_refused(reader.put(2, {**ANSWERS, "quality": 1}, read_id=read_id), 409, "read_id")


def count_reads(study: Path, read_id: str) -> int:
    database = Database(study / "study.sqlite")
    try:
        return len(database._rows("SELECT 1 FROM reads WHERE read_id = ?", read_id))
    finally:
        database.close()


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ({"authenticity": 6, "plausibility": 1, "quality": 1}, "authenticity must be one of 1, 2, 3, 4, 5"),
        ({"authenticity": True, "plausibility": 1, "quality": 1}, "authenticity"),
        ({"authenticity": 1.0, "plausibility": 1, "quality": 1}, "authenticity"),
        ({"authenticity": "1", "plausibility": 1, "quality": 1}, "authenticity"),
        ({"authenticity": 1, "plausibility": 1}, "quality needs an answer"),
        ({**ANSWERS, "comment": 3}, "comment must be text"),
        ({**ANSWERS, "comment": "x" * 2001}, "2000"),
        ({**ANSWERS, "comment": "a\x00b"}, "comment"),
        ({**ANSWERS, "comment": "\ud800"}, "comment"),
        ({**ANSWERS, "truth": 1}, "no question"),
        ({**ANSWERS, "\ud800": 1}, "no question"),
        ([1, 2], "object"),
        ("x", "object"),
    ],
)
def test_answers_that_are_none_are_refused(reader: Reader, answers: object, word: str) -> None:
    body = {"read_id": str(uuid.uuid4()), "answers": answers, "milliseconds": 5}
    headers = {"X-CSRF-Token": reader.csrf, "content-type": "application/json"}
    assert_refused(reader.http.put("/api/reads/5", content=json.dumps(body), headers=headers), 422, word)


@pytest.mark.parametrize(
    "changes",
    [
        {"milliseconds": -1}, {"milliseconds": 1.5}, {"milliseconds": True}, {"milliseconds": 10**12}, {"more": 1},
        {"read_id": "1"}, {"read_id": 7}, {"read_id": "6BA7B810-9DAD-41D1-80B4-00C04FD430C8"},
        {"read_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused(reader: Reader, changes: dict[str, object]) -> None:
    body = {"read_id": str(uuid.uuid4()), "answers": ANSWERS, "milliseconds": 5, **changes}
    assert_refused(reader.http.put("/api/reads/5", json=body, headers={"X-CSRF-Token": reader.csrf}), 422)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"read_id": NaN}'])
def test_what_is_no_json_is_refused(reader: Reader, content: bytes) -> None:
    assert_refused(reader.http.put("/api/reads/5", content=content, headers={"X-CSRF-Token": reader.csrf}), 422)


@pytest.mark.parametrize("n", ["0", "9", "99999999999999999999999", "1" * 5000])
def test_there_are_no_cases_but_those_of_the_study(reader: Reader, n: str) -> None:
    status = 414 if len(n) > 100 else 404
    assert_refused(reader.http.get(f"/api/cases/{n}"), status)
    assert_refused(reader.http.get(f"/api/cases/{n}/pixels"), status)
    assert_refused(reader.put(n), status)


def test_another_site_can_neither_write_nor_ask(reader: Reader, address: str, made: Made) -> None:
    good = {"X-CSRF-Token": reader.csrf}
    body = {"read_id": str(uuid.uuid4()), "answers": ANSWERS, "milliseconds": 5}
    assert_refused(reader.http.put("/api/reads/6", json=body), 403, "CSRF")
    assert_refused(reader.http.put("/api/reads/6", json=body, headers={"X-CSRF-Token": b"\xfc" * 32}), 403, "CSRF")
    other = Reader(address, made.tokens[1])
    assert_refused(reader.http.put("/api/reads/6", json=body, headers={"X-CSRF-Token": other.csrf}), 403, "CSRF")
    foreign = {**good, "origin": "https://elsewhere.example"}
    assert_refused(reader.http.put("/api/reads/6", json=body, headers=foreign), 403, "other sites")
    own = {**good, "origin": address}
    assert reader.http.put("/api/reads/6", json=body, headers=own).status_code == 200


def test_an_origin_that_is_no_address_is_refused_like_another_site(address: str) -> None:
    for origin in ("http://[", "null", ""):
        assert_refused(fetch(address + "/", headers={"origin": origin}), 403, "other sites")


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example:80", "", "localhost@elsewhere"])
def test_requests_under_another_name_are_refused(address: str, host: str) -> None:
    assert_refused(fetch(address + "/", headers={"host": host}), 400, "name")


def test_a_long_body_is_refused_whether_or_not_it_says_so(reader: Reader) -> None:
    headers = {"X-CSRF-Token": reader.csrf}
    assert_refused(reader.http.put("/api/reads/5", content=b" " * 300_000, headers=headers), 413)
    stream = (b" " * 50_000 for _ in range(8))
    assert_refused(reader.http.put("/api/reads/5", content=stream, headers=headers), 413)


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/reads/1"), ("DELETE", "/api/study"), ("PUT", "/")])
def test_other_methods_are_refused(reader: Reader, method: str, path: str) -> None:
    assert_refused(reader.http.request(method, path), 405)


@pytest.mark.slow
def test_links_cannot_be_guessed_fast(made: Made) -> None:
    with serving(made.path) as address:
        for number in range(LINK_TRIES):
            assert_refused(fetch(f"{address}/r/wrong-{number}"), 404, "not valid")
        blocked = fetch(f"{address}/r/wrong-again")
        assert_refused(blocked, 429)
        assert blocked.headers["retry-after"] == "60"


def test_without_going_back_cases_are_read_once_and_in_order(tmp_path: Path) -> None:
    made = make_study(tmp_path / "strict", back_allowed=False)
    with serving(made.path) as address:
        reader = Reader(address, made.tokens[0])
        assert_refused(reader.put(2), 409, "Case 1 comes before")
        read_id = str(uuid.uuid4())
        assert reader.put(1, read_id=read_id).json()["next"] == 2
        assert_refused(reader.put(1), 409, "does not allow changes")
        assert reader.put(1, read_id=read_id).status_code == 200
        assert reader.http.get("/api/cases/1").json()["locked"] is True
        assert reader.put(2).json() == {"n": 2, "saved": True, "answered": [1, 2], "next": 3}
        assert reader.http.get("/api/cases/3/pixels").status_code == 200


def test_a_closed_study_takes_nothing_but_what_it_has(tmp_path: Path) -> None:
    made = make_study(tmp_path / "closing")
    with serving(made.path) as address:
        reader = Reader(address, made.tokens[0])
        read_id = str(uuid.uuid4())
        assert reader.put(1, read_id=read_id).status_code == 200
        close_study(made.path, incomplete=True)
        assert_refused(reader.put(2), 410, "closed")
        assert reader.put(1, read_id=read_id).status_code == 200
        assert reader.http.get("/api/study").json()["closed"] is True
        assert reader.http.get("/api/cases/2").json()["locked"] is True


def test_a_new_link_ends_the_old_one_and_its_sessions(tmp_path: Path) -> None:
    made = make_study(tmp_path / "relink")
    with serving(made.path) as address:
        reader = Reader(address, made.tokens[0])
        reader.put(1)
        database = Database(made.path / "study.sqlite")
        token = database.replace_link(1)
        database.close()
        assert_refused(reader.http.get("/api/study"), 401)
        assert_refused(fetch(f"{address}/r/{made.tokens[0]}"), 404)
        assert Reader(address, token).http.get("/api/study").json()["answered"] == [1]


def test_many_readers_at_once_lose_and_mix_up_nothing(tmp_path: Path) -> None:
    made = make_study(tmp_path / "many", count=6, readers=12)
    failures: list[object] = []

    def read_all(number: int, token: str) -> None:
        try:
            reader = Reader(address, token)
            for n in range(1, 13):
                answer = reader.put(
                    n, {**ANSWERS, "comment": f"reader {number} case {n}"}, milliseconds=1000 * number + n
                )
                assert answer.json()["answered"] == list(range(1, n + 1))
        except BaseException as error:
            failures.append(error)

    with serving(made.path) as address:
        threads = [threading.Thread(target=read_all, args=pair) for pair in enumerate(made.tokens, start=1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    database = Database(Study.open(made.path).database)
    reads = database.all_newest()
    database.close()
    table = pd.DataFrame([(r.reader, r.n, r.milliseconds, r.answers["comment"]) for r in reads])
    assert len(table) == 12 * 12
    assert all(table[2] == 1000 * table[0] + table[1])
    assert all(table[3] == [f"reader {reader} case {n}" for reader, n in zip(table[0], table[1], strict=True)])

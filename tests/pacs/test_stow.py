"""Over DICOMweb every instance gets there once, whatever the server does, and the journal says what became of it."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from helpers.fake_pacs import Act, FakePacs, fake_pacs
from helpers.push_cases import NOBODY, history, no_wait, rows_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medattngan.core.files import UserError
from medattngan.pacs.credentials import Credentials
from medattngan.pacs.push import PushReport, push
from medattngan.pacs.retry import Retry


def send(exported: Path, pacs: FakePacs, out: Path, retry: Retry | None = None, **options: object) -> PushReport:
    given = {"batch_instances": 2, "credentials": NOBODY, "progress": False} | options
    return push(exported, url=pacs.url, out=out, retry=retry or no_wait()[0], **given)  # type: ignore[arg-type]


def test_all_are_stored_once_and_written_down_before_and_after(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    report = send(exported, pacs, tmp_path / "push.csv")
    assert report.ok
    assert [len(post) for post in pacs.posts] == [2, 2, 1]
    assert pacs.sent() == sorted(pacs.held)
    assert len(pacs.held) == 5
    assert set(map(tuple, history(report.journal).values())) == {("sending", "stored")}
    assert report.sentence() == "5 instances: 5 stored."


def test_the_journal_lies_beside_the_folder_and_the_folder_stays_as_it_was(
    exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported, tmp_path / "dicom")
    before = sorted(folder.rglob("*"))
    report = push(folder, url=pacs.url, credentials=NOBODY, progress=False)
    assert report.journal == tmp_path / "dicom.push.csv"
    assert sorted(folder.rglob("*")) == before
    with pytest.raises(UserError, match="beside"):
        push(folder, url=pacs.url, out=folder / "push.csv", credentials=NOBODY)


def test_what_is_stored_is_not_sent_again(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    send(exported, pacs, tmp_path / "push.csv")
    assert send(exported, pacs, tmp_path / "push.csv").count("stored") == 5
    assert send(exported, pacs, tmp_path / "another.csv").count("present") == 5
    assert len(pacs.posts) == 3


def test_the_server_is_asked_page_by_page(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    send(exported, pacs, tmp_path / "push.csv")
    pacs.page = 2
    assert send(exported, pacs, tmp_path / "another.csv").count("present") == 5


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    status: int, exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.acts += [Act(), Act(status, keep=False, headers={"Retry-After": "7"}), Act(status, keep=False)]
    retry, waits = no_wait(attempts=4)
    assert send(exported, pacs, tmp_path / "push.csv", retry).ok
    assert waits == [7.0, 1.0]  # what it asked for, then the second backoff of 2 s, half of it fixed
    assert len(pacs.held) == 5


def test_a_request_that_was_not_even_looked_at_is_sent_again_though_nobody_can_be_asked(
    exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.search_status = 501
    pacs.acts += [Act(429, keep=False)]
    assert send(exported, pacs, tmp_path / "push.csv").ok


def test_what_goes_out_is_on_the_disk_before(
    exported: Path, pacs: FakePacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, synced, at_post = tmp_path / "push.csv", [0], []
    store, fsync = pacs.store, os.fsync

    def sync(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            synced.append(os.fstat(descriptor).st_size)

    def look_and_store(parts: list[bytes]) -> tuple[int, dict[str, str], bytes, bool]:
        at_post.append((journal.stat().st_size, synced[-1]))
        return store(parts)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(pacs, "store", look_and_store)
    assert send(exported, pacs, journal).ok
    assert len(at_post) == 3
    assert all(size == on_disk for size, on_disk in at_post)


@pytest.mark.parametrize(
    "act",
    [Act(hang_up=True), Act(500), Act(502), Act(504), Act(mention=False), Act(202, mention=False)],
    ids=["hangs up", "500", "502", "504", "200 says nothing", "202 says nothing"],
)
def test_what_was_stored_though_the_answer_was_lost_is_asked_for_and_not_sent_twice(
    act: Act, exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.acts += [Act(), act]
    report = send(exported, pacs, tmp_path / "push.csv")
    assert report.count("stored") == 5
    assert pacs.sent() == sorted(pacs.held)
    assert sum("found there when asked" in row["detail"] for row in rows_of(report.journal)) == 2


@pytest.mark.parametrize("act", [Act(hang_up=True, keep=False), Act(500, keep=False)], ids=["hangs up", "500"])
def test_what_was_lost_with_the_answer_is_sent_again(act: Act, exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    pacs.acts += [Act(), act]
    assert send(exported, pacs, tmp_path / "push.csv").count("stored") == 5
    assert len(pacs.held) == 5
    assert len(pacs.sent()) == 7


def test_each_refused_instance_has_its_reason_and_the_others_are_stored(
    exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.acts += [Act(202, codes={1: 0xA700}), Act(409, codes={0: 0xC122, 1: 0x0111})]
    report = send(exported, pacs, tmp_path / "push.csv")
    assert [report.count(state) for state in ("stored", "present", "refused")] == [2, 1, 2]
    assert not report.ok
    details = [row["detail"] for row in rows_of(report.journal) if row["state"] in ("refused", "present")]
    assert [detail.removeprefix("the server says ") for detail in details] == [
        "A700H, out of resources",
        "C122H, transfer syntax not supported",
        "0111H, duplicate SOP instance",
    ]
    assert "2 refused" in report.sentence()
    assert str(report.journal) in report.sentence()
    again = send(exported, pacs, tmp_path / "push.csv")
    assert again.ok
    assert sorted(pacs.held) == sorted(set(pacs.sent()) - {pacs.posts[1][1]})


def test_a_server_that_says_stored_and_drops_it_is_found_out(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    pacs.acts += [Act(), Act(keep=False)]
    retry, waits = no_wait(attempts=3)
    report = send(exported, pacs, tmp_path / "push.csv", retry)
    assert (report.count("stored"), report.count("failed")) == (3, 2)
    assert waits == [0.5, 1.0]
    assert rows_of(report.journal)[-1]["detail"].endswith("does not have it when asked")
    assert send(exported, pacs, tmp_path / "push.csv").ok


def test_a_server_whose_index_lags_behind_is_asked_again(
    exported: Path, pacs: FakePacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = pacs.search
    indexed: dict[str, tuple[str, str]] = {}

    def search_late(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Answer with what was there at the search before."""
        now, pacs.held = pacs.held, dict(indexed)
        answer = search(path, query)
        pacs.held = now
        indexed.update(now)
        return answer

    monkeypatch.setattr(pacs, "search", search_late)
    assert send(exported, pacs, tmp_path / "push.csv").ok
    assert len(pacs.posts) == 3


def test_a_request_too_large_is_cut_until_it_fits(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    pacs.most = 1
    assert send(exported, pacs, tmp_path / "push.csv", batch_instances=5).count("stored") == 5


def test_one_instance_that_spoils_a_request_is_found_and_the_others_are_stored(
    exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    send(exported, pacs, tmp_path / "first.csv")
    pacs.poison = pacs.posts[1][0]
    pacs.held.clear()
    report = send(exported, pacs, tmp_path / "push.csv", batch_instances=5)
    assert (report.count("stored"), report.count("refused")) == (4, 1)
    assert pacs.poison not in pacs.held
    assert "HTTP 400" in next(row["detail"] for row in rows_of(report.journal) if row["state"] == "refused")


def test_what_an_earlier_attempt_stored_is_not_sent_again_when_the_rest_is_refused_as_a_whole(
    exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.acts += [Act(mention=False), Act(400, keep=False)]
    store = pacs.store

    def store_two_of_five(parts: list[bytes]) -> tuple[int, dict[str, str], bytes, bool]:
        """Keep the first two of the first request only, as a server does that falls over in the middle."""
        answer = store(parts)
        if len(pacs.posts) == 1:
            for uid in pacs.posts[0][2:]:
                del pacs.held[uid]
        return answer

    pacs.store = store_two_of_five  # type: ignore[method-assign]
    assert send(exported, pacs, tmp_path / "push.csv", batch_instances=5).count("stored") == 5
    first = pacs.posts[0][:2]
    assert [pacs.sent().count(uid) for uid in first] == [1, 1]
    assert [len(post) for post in pacs.posts] == [5, 3, 1, 2]


def test_batches_are_bounded_by_bytes_and_a_larger_file_goes_alone(
    exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    size = max(path.stat().st_size for path in exported.rglob("*.dcm"))
    send(exported, pacs, tmp_path / "push.csv", batch_instances=50, batch_bytes=int(2.5 * size))
    pacs.held.clear()
    send(exported, pacs, tmp_path / "another.csv", batch_instances=50, batch_bytes=10)
    assert [len(post) for post in pacs.posts] == [2, 2, 1, 1, 1, 1, 1, 1]


def test_retries_end_and_say_what_is_left(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    pacs.acts += [Act(), *[Act(500, keep=False)] * 100]
    retry, waits = no_wait(attempts=4)
    report = send(exported, pacs, tmp_path / "push.csv", retry, batch_instances=1)
    assert len(pacs.posts) == 1 + 3 * 4  # three batches in a row, four attempts each; the fifth is not begun
    assert waits == [0.5, 1.0, 2.0] * 3
    assert [report.count(state) for state in ("stored", "unknown", "")] == [1, 3, 1]
    assert "3 of unknown outcome" in report.sentence()
    assert "stopped because the server answered HTTP 500, 4 times in a row" in report.sentence()
    pacs.acts.clear()
    assert send(exported, pacs, tmp_path / "push.csv").ok
    assert len(pacs.held) == 5


@pytest.mark.parametrize(("status", "body"), [(501, None), (403, None), (200, b"<html>sign in</html>")])
def test_where_the_server_cannot_be_asked_what_is_unknown_is_sent_again_only_when_told(
    status: int, body: bytes | None, exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.search_status, pacs.search_body = status, body
    pacs.acts += [Act(hang_up=True)]
    report = send(exported, pacs, tmp_path / "push.csv")
    assert [report.count(state) for state in ("stored", "unknown")] == [3, 2]
    assert "--resend-unknown" in report.sentence()
    assert send(exported, pacs, tmp_path / "push.csv").count("unknown") == 2
    assert pacs.sent() == sorted(pacs.held)
    assert send(exported, pacs, tmp_path / "push.csv", resend_unknown=True).ok
    assert len(pacs.sent()) == 7


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_push_killed_at_any_byte_of_its_journal_goes_on_without_sending_twice(
    data: st.DataObject, exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.csv"
    if not whole.exists():
        assert send(exported, pacs, whole).ok
    held, posts = dict(pacs.held), len(pacs.posts)
    content = whole.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    journal = tmp_path / "cut.csv"
    journal.write_bytes(content[:cut])
    # What the journal calls stored is there; of the rest the server has any part.
    sure = {
        row["sop_instance_uid"] for row in rows_of(journal) if row["state"] == "stored" and row["detail"] is not None
    }
    missing = data.draw(st.sets(st.sampled_from(sorted(held)))) - sure
    pacs.held = {uid: place for uid, place in held.items() if uid not in missing}
    assert send(exported, pacs, journal).ok
    assert pacs.held == held
    assert sorted(uid for post in pacs.posts[posts:] for uid in post) == sorted(missing)
    assert all(row["detail"] is not None and None not in row for row in rows_of(journal))
    assert send(exported, pacs, journal).ok


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "MEDATTNGAN_PUSH_TOKEN"), (403, "does not let"), (404, "DICOMweb root"), (501, "STOW-RS")],
)
def test_a_server_that_will_not_have_us_is_one_sentence_and_no_retry(
    status: int, words: str, exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.acts += [Act(status, keep=False)]
    with pytest.raises(UserError, match=words):
        send(exported, pacs, tmp_path / "push.csv", credentials=Credentials(token="s3cret"))
    assert len(pacs.posts) == 1
    assert [states[-1] for states in history(tmp_path / "push.csv").values()] == ["failed", "failed"]
    assert "s3cret" not in (tmp_path / "push.csv").read_text()


def test_credentials_are_sent_nowhere_else(exported: Path, pacs: FakePacs, tmp_path: Path) -> None:
    with fake_pacs() as elsewhere:
        pacs.acts += [Act(307, keep=False, headers={"Location": f"{elsewhere.url}/studies"})]
        with pytest.raises(UserError, match="sends elsewhere"):
            send(exported, pacs, tmp_path / "push.csv", credentials=Credentials(token="s3cret"))
        assert elsewhere.posts == []
        assert elsewhere.authorizations == set()


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (Credentials(token="abc"), "Bearer abc"),
        (Credentials(user="Aladdin", password="open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 2
        (Credentials(user="test", password="123£"), "Basic dGVzdDoxMjPCow=="),  # RFC 7617 2.1
    ],
)
def test_every_request_says_who_we_are(
    credentials: Credentials, header: str, exported: Path, pacs: FakePacs, tmp_path: Path
) -> None:
    pacs.wants = header
    assert send(exported, pacs, tmp_path / "push.csv", credentials=credentials).ok
    assert pacs.authorizations == {header}


def test_a_password_of_netrc_is_not_sent(
    exported: Path, pacs: FakePacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert send(exported, pacs, tmp_path / "push.csv").ok
    assert pacs.authorizations == {None}


def test_a_certificate_is_verified(exported: Path, certificate: Path, tmp_path: Path) -> None:
    with fake_pacs(certificate) as pacs:
        with pytest.raises(UserError, match="--ca"):
            send(exported, pacs, tmp_path / "push.csv")
        assert pacs.authorizations == set()
        assert send(exported, pacs, tmp_path / "push.csv", ca=certificate).ok
        pacs.url = pacs.url.replace("127.0.0.1", "localhost")  # not the name in the certificate
        with pytest.raises(UserError, match="not trusted"):
            send(exported, pacs, tmp_path / "another.csv", ca=certificate)
    with pytest.raises(UserError, match="no readable PEM certificate"):
        send(exported, pacs, tmp_path / "third.csv", ca=exported / "nothing.pem")


def test_a_server_that_is_not_there_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    with fake_pacs() as gone:
        pass
    retry, waits = no_wait(attempts=3)
    with pytest.raises(UserError, match=r"127\.0\.0\.1 cannot be reached, 3 times in a row; nothing was sent"):
        send(exported, gone, tmp_path / "push.csv", retry)
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://me:mine@pacs.example.org/", "can read"),
        ("http://pacs.example.org/dicom-web", "--plain-http"),
        ("ftp://127.0.0.1/", "not a web address"),
        ("https://", "not a web address"),
        ("http://127.0.0.1:99999/", "not a web address"),
        ("https://pacs.example.org/dicom-web?token=mine", "holds a query"),
        ("https://pacs.example.org/dicom-web;token=mine", "holds a query"),
        ("https://pacs.example.org/dicom-web#token=mine", "holds a query"),
        ("https://pacs.example.org/a/mine@b", "can read"),
        ("me:mine@pacs.example.org/dicom-web", "can read"),
        ("https://me:mi/ne@pacs.example.org/", "can read"),
        ("https://[mine/", "not a web address"),
        ("https://pacs.example.org/\nmine", "not a web address"),
        ("https://pacs.example.org\\mine", "not a web address"),
    ],
)
def test_an_address_that_is_unsafe_or_none_is_refused(url: str, words: str, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as raised:
        push(exported, url=url, out=tmp_path / "push.csv", credentials=NOBODY)
    assert "mine" not in str(raised.value)
    assert not (tmp_path / "push.csv").exists()

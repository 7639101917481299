"""Credentials, waits and batches, each by itself."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medattngan.core.files import UserError
from medattngan.pacs.credentials import Credentials, read_credentials
from medattngan.pacs.deliver import batches
from medattngan.pacs.instances import Instance
from medattngan.pacs.outcomes import STATES, reason, refusal
from medattngan.pacs.retry import Retry
from medattngan.pacs.servers import Asked, open_server

SECRET = "xyzzy-plugh"


def test_credentials_never_show() -> None:
    for credentials in (Credentials(token=SECRET), Credentials(user="me", password=SECRET)):
        assert SECRET not in f"{credentials!r} {credentials}"


def test_credentials_come_from_a_file_or_else_from_the_environment(tmp_path: Path) -> None:
    environment = {"MEDATTNGAN_PUSH_USER": "me", "MEDATTNGAN_PUSH_PASSWORD": "a=b "}
    assert read_credentials(None, environment) == Credentials(user="me", password="a=b ")
    assert not read_credentials(None, {})
    (tmp_path / "c").write_text("# of the PACS\n\ntoken = abc=\n")
    assert read_credentials(tmp_path / "c", environment) == Credentials(token="abc=")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"tokn = {SECRET}", "line 1"),
        (SECRET, "line 1"),
        ("# nothing", "no credentials"),
        (f"user = {SECRET}", "a user needs a password"),
        (f"password = {SECRET}", "a user needs a password"),
        (f"token = {SECRET}\nuser = me\npassword = {SECRET}", "one of them"),
        (f"user = a:b\npassword = {SECRET}", "colon"),
        (f"token = {SECRET} {SECRET}", "RFC 6750"),
        (f"user = a\tb\npassword = {SECRET}", "control character"),
    ],
)
def test_a_mistake_in_the_credentials_is_named_without_the_secret(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(UserError, match=words) as raised:
        read_credentials(tmp_path / "c", os.environ)
    assert SECRET not in str(raised.value)


def test_credentials_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_credentials(tmp_path / "nothing")


@given(st.integers(1, 200), st.floats(0, 1e9), st.floats(0, 1, exclude_max=True))
def test_a_wait_has_bounds_and_respects_what_the_server_asks(failures: int, after_s: float, draw: float) -> None:
    retry = Retry(base_s=1.0, limit_s=60.0, draw=lambda: draw)
    wait = retry.wait_s(failures, after_s)
    assert min(0.5 * 2.0 ** (failures - 1), 30.0) <= wait <= 60.0
    assert wait >= min(after_s, 60.0)


def test_no_patience_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="--attempts 0"):
        Retry(attempts=0)


@given(st.lists(st.integers(1, 100)), st.integers(1, 5), st.integers(1, 150))
def test_batches_hold_everything_in_order_and_no_more_than_allowed(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    instances = [Instance(Path(str(i)), str(i), str(i), "", "", "", "", "", size) for i, size in enumerate(sizes)]
    cut = batches(instances, most, most_bytes)
    assert [one for batch in cut for one in batch] == instances
    for batch in cut:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or sum(one.size for one in batch) <= most_bytes
    for batch, following in itertools.pairwise(cut):  # and no batch could have taken one more
        assert len(batch) == most or sum(one.size for one in batch) + following[0].size > most_bytes


@given(st.integers(0, 0xFFFF))
def test_every_failure_code_becomes_an_outcome_with_words(code: int) -> None:
    assert refusal(code).state in STATES
    assert reason(code).startswith(f"{code:04X}H, ")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "https://pacs.example/dicom-web", "tls": True}, "--tls is for --dimse"),
        ({"url": "https://pacs.example/dicom-web", "called_aet": "PACS"}, "--aet is for --dimse"),
        ({"dimse": "pacs.example:104", "plain_http": True}, "--plain-http is for --url"),
    ],
)
def test_options_of_the_other_way_to_send_are_refused(change: dict[str, Any], word: str) -> None:
    asked: dict[str, Any] = dict.fromkeys(("url", "dimse", "called_aet", "ca", "tls", "plain_http"))
    asked["calling_aet"] = "ME"
    with pytest.raises(UserError, match=word):
        open_server(Asked(**asked | change), Credentials(), ())

"""Protocols, links and where a server may listen: what is refused, and in what words."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.review_cases import make_study
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.review.links import RateLimit, hash_secret, new_secret
from medattngan.review.protocol import Option, Protocol, Question
from medattngan.review.serve import serve_study

AUTHENTIC = "- {id: a, text: Real, role: authenticity, options: [{value: 0, label: real}, {value: 1, label: made}]}"


def test_a_protocol_comes_back_from_its_file(tmp_path: Path) -> None:
    protocol = Protocol(title="Größe", back_allowed=False)
    protocol.save(tmp_path / "p.yaml")
    assert Protocol.load(tmp_path / "p.yaml") == protocol


def test_a_protocol_of_ones_own_needs_no_code(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(f"title: Lungs\nwindow: {{center: -600, width: 1500}}\nquestions:\n{AUTHENTIC}\n")
    protocol = Protocol.load(tmp_path / "p.yaml")
    assert (protocol.authenticity.id, protocol.middle, protocol.problem({"a": 1})) == ("a", 0.5, None)
    study = make_study(tmp_path / "s", **yaml.safe_load((tmp_path / "p.yaml").read_text()))
    assert '"center": -600.0' in (study.path / "study.json").read_text()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("- 1", "must hold keys"),
        ("title: [", "not valid YAML"),
        ("title: 2024-13-45", "month"),
        ("[" * 1000, "not valid YAML"),
        ("titel: x", "titel"),
        ("questions: []", "questions"),
        (f"questions:\n{AUTHENTIC}\n{AUTHENTIC}", "same id"),
        (f"questions:\n{AUTHENTIC}\n{AUTHENTIC.replace('id: a', 'id: b')}", "exactly one question"),
        ("questions: [{id: a, text: t, kind: text}]", "exactly one question"),
        (f"questions:\n{AUTHENTIC.replace('id: a', 'id: case')}", "column of the table"),
        (f"questions:\n{AUTHENTIC.replace('id: a', 'id: A b')}", "id"),
        (f"questions:\n{AUTHENTIC.replace('value: 1', 'value: 0')}", "different values"),
        (f"questions:\n{AUTHENTIC.replace('value: 1', 'value: x')}", "all numbers or all words"),
        (f"questions:\n{AUTHENTIC.replace('value: 1', 'value: true')}", "value"),
        (f"questions:\n{AUTHENTIC.replace('value: 0', 'value: r').replace('value: 1', 'value: s')}", "whole numbers"),
        ("questions: [{id: a, text: t, role: authenticity}]", "two options"),
        ("questions: [{id: a, text: t, kind: text, role: authenticity}]", "whole numbers"),
        ("questions: [{id: right, text: t, kind: text}, {id: group, text: t, kind: text}]", "group and right"),
        ("questions: [{id: a, text: t, kind: text, options: [{value: 1, label: x}]}]", "no options"),
        ("window: {center: 1, width: 0}", "width"),
    ],
)
def test_a_protocol_that_cannot_be_is_one_sentence(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError, match=word) as caught:
        Protocol.load(tmp_path / "p.yaml")
    assert str(tmp_path / "p.yaml") in str(caught.value)


def test_secrets_differ_and_only_their_hashes_are_alike_in_length() -> None:
    made = [new_secret() for _ in range(100)]
    assert len(set(made)) == 100
    assert min(len(secret) for secret in made) >= 32
    assert {len(hash_secret(secret)) for secret in made} == {64}


@given(st.lists(st.floats(0, 30), max_size=60))
def test_a_rate_limit_never_lets_more_through_in_any_stretch(waits: list[float]) -> None:
    now = 0.0
    limit = RateLimit(5, 60, clock=lambda: now)
    passed = []
    for wait in waits:
        now += wait
        if limit.hit("key"):
            passed.append(now)
    assert all(later - earlier >= 60 - 1e-6 for earlier, later in zip(passed, passed[5:], strict=False))
    now += 61
    assert limit.hit("key")


def test_a_rate_limit_forgets_the_oldest_keys() -> None:
    limit = RateLimit(1, 60, keys=3, clock=lambda: 0.0)
    for key in "abcd":
        limit.hit(key)
    assert (limit.hit("d"), limit.hit("a")) == (False, True)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"host": "0.0.0.0"}, "--expose"),
        ({"host": "192.0.2.1"}, "--expose"),
        ({"host": "readers.example"}, "--expose"),
        ({"host": "0.0.0.0", "expose": True}, "--tls-cert and --tls-key"),
        ({"host": "0.0.0.0", "expose": True, "tls_cert": "study.json", "tls_key": "study.json"}, "with --name"),
        ({"names": ["https://ct.example.org"]}, "without scheme and port"),
        ({"names": ["ct.example.org:8765"]}, "without scheme and port"),
        ({"tls_cert": "study.json"}, "belong together"),
        ({"tls_cert": "none.pem", "tls_key": "none.pem"}, "none.pem does not exist"),
    ],
)
def test_other_machines_are_let_in_only_by_wish_and_over_tls(
    tmp_path: Path, options: dict[str, object], word: str
) -> None:
    study = make_study(tmp_path / "s").path
    for key in {"tls_cert", "tls_key"} & set(options):
        options = {**options, key: study / str(options[key])}
    with pytest.raises(UserError, match=word):
        serve_study(study, **options)  # type: ignore[arg-type]


def test_a_port_in_use_and_a_certificate_that_is_none_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study(tmp_path / "s").path
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(UserError, match="give another --host or --port"),
    ):
        serve_study(study, port=other.getsockname()[1])
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    for file in ("a.pem", "b.pem"):
        (tmp_path / file).write_text("nothing")
    with pytest.raises(UserError, match=r"--tls-cert .* cannot be used"):
        serve_study(study, port=free, tls_cert=tmp_path / "a.pem", tls_key=tmp_path / "b.pem")
    assert "is served" not in capsys.readouterr().out


def test_serving_what_is_no_study_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="review create"):
        serve_study(tmp_path)


def test_the_server_starts_without_torch() -> None:
    code = "import sys, medattngan.review.serve; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_commands_hand_on_to_one_another(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s")
    run = CliRunner().invoke
    assert "reader-2  0 of 8" in run(app, ["review", "status", str(made.path)]).output
    renewed = run(app, ["review", "link", str(made.path), "--reader", "2", "--url", "https://a.example/"]).output
    assert renewed.startswith("reader-2  https://a.example/r/")
    assert isinstance(run(app, ["review", "stats", str(made.path), "--out", str(tmp_path / "o")]).exception, UserError)
    closed = run(app, ["review", "close", str(made.path), "--incomplete"])
    assert closed.output.splitlines() == ["No case was read.", str(made.path / "reads.csv")]
    empty = run(app, ["review", "stats", str(made.path), "--out", str(tmp_path / "o")])
    assert "without a single read" in str(empty.exception)
    assert "cases" in run(app, ["review", "plan"]).output


@pytest.mark.parametrize("value", [10**30, -(2**53), "", "a\x00b"])
def test_a_value_that_no_table_or_browser_keeps_is_refused(value: int | str) -> None:
    other = 1 if isinstance(value, int) else "b"
    with pytest.raises(ValueError, match="value"):
        Question(id="x", text="?", options=(Option(value=value, label="a"), Option(value=other, label="b")))

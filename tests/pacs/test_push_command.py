"""`medattngan push`: what it prints and its exit status."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from helpers.fake_pacs import Act, FakePacs

import medattngan as mg
from medattngan.cli.app import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["medattngan", "push", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "dicom")


def test_a_push_that_ends_well_prints_its_journal(
    folder: Path, pacs: FakePacs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.txt").write_text("hello")
    (folder / "z.dcm").write_bytes(next(folder.rglob("*.dcm")).read_bytes())
    assert run(monkeypatch, folder, "--url", pacs.url) == 0
    printed = capsys.readouterr()
    assert printed.out.split("\n")[-2] == str(folder.with_name("dicom.push.csv"))
    assert "5 instances: 5 stored." in printed.err
    assert "not DICOM, not sent: notes.txt" in printed.err
    assert "z.dcm" in printed.err
    assert "sending instances 5 of 5" in printed.err.splitlines()
    assert "sending" not in printed.out


def test_an_instance_that_is_refused_is_exit_status_1_and_a_sentence(
    folder: Path, pacs: FakePacs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pacs.acts += [Act(202, codes={0: 0xA700})]
    out = folder.with_name("j.csv")
    assert run(monkeypatch, folder, "--url", pacs.url, "--out", out, "--batch-instances", "2") == 1
    assert f"5 instances: 4 stored, 1 refused; {out} has the reasons" in capsys.readouterr().err
    assert [len(post) for post in pacs.posts] == [2, 2, 1]


def test_a_token_comes_from_the_environment_and_shows_nowhere(
    folder: Path, pacs: FakePacs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pacs.wants = "Bearer xyzzy"
    assert run(monkeypatch, folder, "--url", pacs.url) == 2
    monkeypatch.setenv("MEDATTNGAN_PUSH_TOKEN", "xyzzy")
    assert run(monkeypatch, folder, "--url", pacs.url) == 0
    printed = capsys.readouterr()
    assert "xyzzy" not in printed.out + printed.err + folder.with_name("dicom.push.csv").read_text()


@pytest.mark.parametrize(
    "url",
    [
        "https://pacs.example.org/dicom-web?token=s3cret", "https://me:s3cret@pacs.example.org/dicom-web",
        "https://pacs.example.org/dicom-web#s3cret", "me:s3cret@pacs.example.org", "https://s3cret:x/dicom-web",
    ],
)  # fmt: skip
def test_a_secret_in_the_address_is_refused_and_shows_nowhere(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, folder, "--url", url) == 2
    printed = capsys.readouterr()
    assert "s3cret" not in printed.out + printed.err
    assert printed.err.count("\n") == 1
    assert not folder.with_name("dicom.push.csv").exists()


@pytest.mark.parametrize("size", ["nan", "inf", "0", "-1"])
def test_a_batch_that_is_no_size_is_a_sentence(
    size: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, folder, "--url", "http://127.0.0.1:1", "--batch-mb", size) == 2
    assert "--batch-mb is" in capsys.readouterr().err


def test_the_verb_is_a_function_too() -> None:
    from medattngan.pacs.push import push

    assert mg.push is push

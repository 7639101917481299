"""The command line: verbs are there, and what the user can mend is one sentence and exit status 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import medattngan as mg
from medattngan.cli.app import app, main
from medattngan.data.store import SliceStore
from medattngan.scans.geometry.planes import CUTS
from medattngan.scans.text.screens import SCREENS


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """The exit status of `medattngan ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["medattngan", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.split() == ["medattngan", mg.__version__]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ingest", "nothing-here", "--out", "store"], "nothing-here"),
        (["inspect", "nothing-here"], "medattngan ingest"),
        (["train", "nothing.yaml", "--data", "store", "--out", "run"], "nothing.yaml does not exist"),
        (["sample", "nothing-here", "--count", "3", "--out", "samples"], "medattngan train"),
        (["evaluate", "nothing-here", "--data", "store", "--out", "scores"], "medattngan ingest"),
        (["export", "nothing-here", "--out", "dicom"], "nothing-here"),
    ],
)
def test_a_missing_input_is_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_names_the_key_its_value_and_what_is_allowed(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text("data: {size: 32}\n")
    base = ["train", tmp_path / "c.yaml", "--data", tiny_store.path, "--out", tmp_path / "run"]
    for setting, expected in (
        ("attention.kind=sharp", ("attention.kind", "'sharp'", "multi_head")),
        ("train.kimgs=3", ("train.kimgs", "kimg")),
        ("data.size=48", ("data.size", "48", "64")),
        ("model.preset=biggan", ("model.preset", "biggan", "compact")),
        ("nonsense", ("nonsense", "section.key=value")),
    ):
        assert run(monkeypatch, *base, "--set", setting) == 2
        printed = capsys.readouterr().err
        assert all(word in printed for word in expected), printed
        assert not (tmp_path / "run").exists()


def test_the_verbs_hand_on_to_one_another(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {size: 32}\nmodel: {generator_width: 8, discriminator_width: 8}\nattention: {resolutions: [8]}\n"
        "train: {kimg: 0.016, minutes: null, batch_size: 4, validate_minutes: null}\n"
    )
    assert run(monkeypatch, "train", config, "--data", tiny_store.path, "--out", tmp_path / "run") == 0
    assert run(monkeypatch, "sample", tmp_path / "run", "--count", "4", "--out", tmp_path / "samples") == 0
    assert run(monkeypatch, "export", tmp_path / "samples", "--out", tmp_path / "dicom", "--limit", "3") == 0
    assert len(list((tmp_path / "dicom").rglob("*.dcm"))) == 3
    assert str(tmp_path / "dicom") in capsys.readouterr().out


def test_the_command_line_is_there_before_torch_is() -> None:
    code = "import sys, medattngan.cli.app; sys.exit(bool({'torch', 'monai', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("option", "choices"), [("--plane", CUTS), ("--screen", SCREENS)])
def test_what_a_table_does_not_have_is_refused_with_all_that_it_has(option: str, choices: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["ingest", "scans", "--out", "store", option, "oblique"])
    assert result.exit_code == 2
    assert all(choice in result.output for choice in choices)

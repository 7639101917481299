"""Whatever happens to a file of a folder is noticed by whoever opens it next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.memory import peak_bytes

from medattngan.core.files import UserError, read_json
from medattngan.core.seal import SEAL, Seal, check, finish, replace_file, seal, thorough, unfinish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them in a folder, sealed."""
    path = tmp_path / "folder"
    (path / "deep").mkdir(parents=True)
    (path / "a.txt").write_text("first")
    (path / "deep" / "b.txt").write_text("second")
    seal(path, "store")
    return path


def flip(path: Path, bit: int = 0) -> None:
    """Turn one bit of a file over, and put its time of modification back."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_whole_folder_is_opened(folder: Path) -> None:
    assert set(check(folder, "store").files) == {"a.txt", "deep/b.txt"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.txt", "deep/b.txt", SEAL])
def test_every_bit_that_turns_over_is_noticed(folder: Path, name: str) -> None:
    for bit in range(8 * (folder / name).stat().st_size):
        flip(folder / name, bit)
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            check(folder, "store")
        flip(folder / name, bit)
    check(folder, "store")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: (f / "a.txt").unlink(), r"a\.txt is missing"),
        (lambda f: (f / "more.txt").write_text("x"), r"more\.txt does not belong to it"),
        (lambda f: (f / "a.txt").write_text("longer than it was"), r"a\.txt has 18 bytes where 5 were written"),
        (lambda f: (f / "a.txt").write_text(""), r"a\.txt has 0 bytes"),
        (lambda f: (f / "a.txt").write_text("tsrif"), r"a\.txt is not what was written"),
        (lambda f: (f / SEAL).unlink(), r"seal\.json is missing"),
        (lambda f: (f / SEAL).write_text("{}"), r"seal\.json was damaged"),
        (lambda f: (f / SEAL).write_text("[]"), r"seal\.json was damaged"),
        (lambda f: (f / SEAL).write_bytes(b"\xff\xfe"), r"seal\.json is not valid JSON"),
        (lambda f: (f / SEAL).write_text("[" * 100_000), r"seal\.json is not valid JSON"),
        (lambda f: (f / SEAL).write_text(""), r"seal\.json is not valid JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_the_cure(folder: Path, harm: Callable[[Path], object], said: str) -> None:
    harm(folder)
    with pytest.raises(UserError, match=rf"{said}.*again") as raised:
        check(folder, "store")
    assert "\n" not in str(raised.value)


def test_a_copy_with_new_times_is_whole_and_is_read_once_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    read: list[Path] = []
    monkeypatch.setattr("medattngan.core.seal.digest", lambda path: read.append(path) or real(path))
    monkeypatch.setattr("medattngan.core.seal._state", lambda path: (path.stat().st_size, 10**18))  # in 2001
    os.utime(copy / SEAL, (0, 0))
    check(copy, "store")
    assert [path.name for path in read] == ["a.txt", "b.txt"]
    check(copy, "store")
    assert len(read) == 2


def real(path: Path) -> str:
    from medattngan.core.files import digest

    return digest(path)


def test_touched_files_that_are_the_same_are_whole(folder: Path) -> None:
    os.utime(folder / "a.txt")
    assert check(folder, "store").kind == "store"


def test_a_seal_from_the_future_is_not_believed(folder: Path) -> None:
    os.utime(folder / SEAL, (4e9, 4e9))
    flip(folder / "a.txt")
    with pytest.raises(UserError, match=r"a\.txt is not what was written"):
        check(folder, "store")


def test_a_thorough_check_reads_what_looks_untouched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.core.seal._state", lambda path: (path.stat().st_size, 0))
    flip(folder / "a.txt")
    check(folder, "store")
    with thorough(), pytest.raises(UserError, match=r"a\.txt is not what was written"):
        check(folder, "store")


def test_what_file_managers_leave_behind_is_no_damage(folder: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "deep/._b.txt"):
        (folder / name).write_text("x")
    assert check(folder, "store").kind == "store"


@pytest.mark.parametrize("dies_at", ["the seal that announces", "the file", "the seal that ends", "nothing"])
def test_a_file_is_replaced_whole_or_not_at_all(folder: Path, dies_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ["the seal that announces", "the file", "the seal that ends"]
    done: list[str] = []
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if steps[len(done)] == dies_at:
            raise KeyboardInterrupt
        done.append(steps[len(done)])
        return rename(self, target)

    order = {"the seal that announces": "first", "the file": "first"}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        if dies_at == "nothing":
            replace_file(folder, "store", "a.txt", lambda path: path.write_text("new"))  # type: ignore[arg-type, return-value]
        else:
            with pytest.raises(KeyboardInterrupt):
                replace_file(folder, "store", "a.txt", lambda path: path.write_text("new"))  # type: ignore[arg-type, return-value]
    check(folder, "store")
    assert (folder / "a.txt").read_text() == order.get(dies_at, "new")
    replace_file(folder, "store", "a.txt", lambda path: path.write_text("newer"))  # type: ignore[arg-type, return-value]
    assert Seal.read(folder, "store").next == {}
    check(folder, "store")


def test_a_folder_in_the_making_may_grow_and_is_whole_again_in_the_end(folder: Path) -> None:
    unfinish(folder, "store", ["a.txt"], ["*"])
    (folder / "log.csv").write_text("1")
    (folder / "deep" / "b.txt").write_text("other")
    check(folder, "store")
    flip(folder / "a.txt")
    with pytest.raises(UserError, match=r"a\.txt"):
        finish(folder, "store", [])
    flip(folder / "a.txt")
    finish(folder, "store", [])
    assert set(check(folder, "store").files) == {"a.txt", "deep/b.txt", "log.csv"}


def test_a_seal_holds_neither_time_nor_place(folder: Path) -> None:
    copy = folder.with_name("elsewhere")
    shutil.copytree(folder, copy)
    (copy / SEAL).unlink()
    seal(copy, "store")
    assert (copy / SEAL).read_bytes() == (folder / SEAL).read_bytes()
    assert set(read_json(folder / SEAL)) == {"kind", "files", "alive", "next", "audited", "changes", "digest"}


@pytest.mark.slow
def test_the_memory_of_sealing_is_about_a_kilobyte_a_file(tmp_path: Path) -> None:
    for number in range(5_000):
        (tmp_path / f"slice-{number:05d}.dcm").write_bytes(b"x")
    assert peak_bytes(lambda: seal(tmp_path, "dicom")) < 5_000 * 1200


def test_a_replacement_that_was_killed_is_settled_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("1")
    seal(tmp_path, "samples")
    write, count = Seal.write, []

    def killed_at_the_end(self: Seal, folder: Path) -> None:
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt
        write(self, folder)

    with monkeypatch.context() as patched:
        patched.setattr(Seal, "write", killed_at_the_end)
        with pytest.raises(KeyboardInterrupt):
            replace_file(tmp_path, "samples", "a", lambda file: file.write_text("22") and None)
    check(tmp_path, "samples")
    replace_file(tmp_path, "samples", "b", lambda file: file.write_text("333") and None)
    check(tmp_path, "samples")
    assert (tmp_path / "a").read_text() == "22"

"""What the machine refuses becomes one sentence that names the file and the cure; our own faults stay faults."""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.cli.running import ALWAYS, OPENS_NOTHING, explain, governed
from medattngan.core.files import UserError, atomic_folder, write_text
from medattngan.core.seal import is_thorough


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "free some space there, or give another --out"),
        (errno.EDQUOT, "free some space there, or give another --out"),
        (errno.EFBIG, "free some space there, or give another --out"),
        (errno.EROFS, "give another --out"),
        (errno.EACCES, "change its permissions"),
        (errno.EMFILE, "ulimit -n 4096"),
        (errno.EIO, "check the disk"),
        (errno.ENAMETOOLONG, "give a shorter name"),
        (errno.ELOOP, "check that it exists"),
    ],
)
def test_an_error_of_the_system_names_the_file_and_the_cure(number: int, cure: str) -> None:
    sentence = explain(OSError(number, os.strerror(number), "some/file"))
    assert sentence is not None
    assert sentence.startswith("some/file ")
    assert cure in sentence
    assert sentence.endswith(".")


def test_memory_that_ran_out_says_what_to_ask_less_of() -> None:
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 GB")):
        assert "memory ran out" in str(explain(error))


def test_a_full_disk_is_told_in_the_words_of_the_system() -> None:
    told = OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] No space left on device", "a.parquet")
    assert str(explain(told)).startswith("a.parquet cannot be written: No space left on device; free")


def test_a_fault_of_ours_stays_a_fault() -> None:
    for error in (ValueError("x"), RuntimeError("x"), KeyError("x"), OSError("x")):
        assert explain(error) is None


def test_a_study_that_cannot_be_written_is_one_sentence() -> None:
    assert "free some space" in str(explain(sqlite3.OperationalError("database or disk is full")))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("10000 requested and 2484 written"),
        OSError("With tag (7fe0,0010) got exception: [Errno 28] No space left on device"),
        OSError("encoder error -2 when writing image file"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
        sqlite3.OperationalError("database or disk is full"),
    ],
    ids=str,
)
def test_whatever_a_library_says_of_a_full_disk_the_users_own_name_is_given(
    error: Exception, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("full") / "out"
    with pytest.raises(OSError) as raised, atomic_folder(out) as folder:  # noqa: PT012
        write_text(folder / "first.txt", "whole")
        raise error
    assert raised.value.filename == str(out)
    assert list(out.parent.iterdir()) == []


def test_a_mistake_of_the_user_is_told_as_it_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("wrong") / "out"
    with pytest.raises(UserError, match="disk is full of trouble"), atomic_folder(out):
        raise UserError("disk is full of trouble")


@pytest.mark.parametrize("name", ["sample", "evaluate", "report", "train", "inspect", "explain", "encoder", "utility"])
def test_a_verb_that_opens_folders_can_be_asked_to_read_them_whole(name: str) -> None:
    assert "--verify" in CliRunner().invoke(app, [name, "--help"]).output


def test_what_leaves_the_house_is_always_read_whole() -> None:
    seen: list[bool] = []

    def export() -> None:
        seen.append(is_thorough())

    def sample() -> None:
        seen.append(is_thorough())

    governed(export)()
    governed(sample)()
    governed(sample)(verify=True)
    assert seen == [True, False, True]
    assert not set(ALWAYS) & set(OPENS_NOTHING)

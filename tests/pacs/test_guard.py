"""Nothing leaves that does not say it is synthetic, and nothing leaves before all was looked at."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from helpers.fake_pacs import FakePacs
from helpers.push_cases import NOBODY, make_dicom, no_wait, rows_of

from medattngan.core.files import UserError
from medattngan.core.seal import check, seal
from medattngan.pacs.instances import look_through, read_instance, require_as_exported
from medattngan.pacs.push import PushReport, push
from medattngan.stages.reseal.reseal import reseal

CANARY = "XQZCANARY"


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported slices that a test may spoil."""
    return shutil.copytree(exported, tmp_path / "dicom")


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.dcm"))


def edit(path: Path, **changes: object) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def send(folder: Path, pacs: FakePacs, **options: object) -> PushReport:
    given = {"credentials": NOBODY, "retry": no_wait()[0], "progress": False} | options
    return push(folder, url=pacs.url, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SyntheticData": "NO"}, "Synthetic Data"),
        ({"SyntheticData": None}, "Synthetic Data"),
        ({"ImageType": ["ORIGINAL", "PRIMARY"]}, "Image Type"),
        ({"ImageType": None}, "Image Type"),
        ({"PatientName": f"{CANARY}^JOHN"}, "Patient's Name"),
        ({"PatientID": CANARY}, "Patient ID"),
    ],
)
def test_one_file_without_a_mark_keeps_all_from_being_sent(
    changes: dict[str, object], words: str, folder: Path, pacs: FakePacs
) -> None:
    last = files(folder)[-1]
    edit(last, **changes)
    with pytest.raises(UserError, match=words) as raised:
        send(folder, pacs)
    assert last.name in str(raised.value)
    assert CANARY not in str(raised.value)
    assert pacs.searches == len(pacs.posts) == 0
    assert not folder.with_name("dicom.push.csv").exists()


def test_unmarked_files_go_out_for_a_reason_that_the_journal_keeps(folder: Path, pacs: FakePacs) -> None:
    edit(files(folder)[0], PatientName=f"{CANARY}^JOHN")
    with pytest.raises(UserError, match="--allow-unmarked is empty"):
        send(folder, pacs, allow_unmarked="  ")
    reason = "phantom scans for the reader study"
    with pytest.raises(UserError, match=r"slice-00001\.dcm .* reseal"):
        send(folder, pacs, allow_unmarked=reason)
    assert reseal(folder, reason) == ["series-01/slice-00001.dcm"]
    report = send(folder, pacs, allow_unmarked=reason)
    assert len(pacs.held) == 5
    rows = rows_of(report.journal)
    assert [row["detail"] for row in rows if row["state"] == "allow-unmarked"] == ["phantom scans for the reader study"]
    marked = [row["detail"] for row in rows if row["state"] == "sending"]
    assert marked == ["unmarked: Patient's Name (0010,0010) does not say SYNTHETIC", "", "", "", ""]
    assert CANARY not in report.journal.read_text()


def test_a_bit_that_turned_over_in_the_pixels_keeps_all_from_being_sent(folder: Path, pacs: FakePacs) -> None:
    content = bytearray(files(folder)[2].read_bytes())
    content[-1] ^= 1
    files(folder)[2].write_bytes(content)
    with pytest.raises(UserError, match=r"slice-00003\.dcm is not what was written"):
        send(folder, pacs)
    assert len(pacs.posts) == 0


@pytest.mark.parametrize("options", [{"sop": "mr"}, {"multiframe": True}, {"transfer_syntax": "jpegls"}], ids=str)
def test_whatever_export_writes_says_that_it_is_synthetic(options: dict[str, object], tmp_path: Path) -> None:
    found = look_through(make_dicom(tmp_path / "dicom", count=2, **options))
    assert found.instances
    assert all(one.missing == () for one in found.instances)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def truncate_before_the_pixels(path: Path) -> None:
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)


def cut_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:400])


def garble_uid(path: Path) -> None:
    content = path.read_bytes()
    uid = str(pydicom.dcmread(path).StudyInstanceUID).encode()
    path.write_bytes(content.replace(uid, uid[:-3] + b"a-b"))


def remove_uid(path: Path) -> None:
    dataset = pydicom.dcmread(path)
    del dataset.SeriesInstanceUID
    dataset.save_as(path)


@pytest.mark.parametrize("syntax", ["explicit", "rle"])
def test_a_file_cut_off_at_any_byte_is_never_taken_for_a_whole_one(syntax: str, tmp_path: Path) -> None:
    (file,) = files(make_dicom(tmp_path / "dicom", count=1, transfer_syntax=syntax))
    content = file.read_bytes()
    assert read_instance(file, "x") is not None
    end = len(content) - 4  # of compressed pixels, the length of the delimiter: four zeros
    for cut in [*range(0, 2200, 7), *range(2200, end, 101), end - 1]:
        file.write_bytes(content[:cut])
        if cut < 132:
            assert read_instance(file, "x") is None
        else:
            with pytest.raises(UserError, match="damaged"):
                read_instance(file, "x")


@pytest.mark.parametrize("spoil", [truncate, truncate_before_the_pixels, cut_header, garble_uid, remove_uid])
def test_a_damaged_file_keeps_all_from_being_sent(spoil: Callable[[Path], None], folder: Path, pacs: FakePacs) -> None:
    spoil(files(folder)[-1])
    with pytest.raises(UserError, match=f"{files(folder)[-1].name} .*nothing was sent"):
        send(folder, pacs)
    assert pacs.posts == []


def test_files_that_are_not_dicom_are_listed_and_not_sent(folder: Path, pacs: FakePacs) -> None:
    (folder / "README.txt").write_text("hello")
    (folder / "series-01" / "empty.dcm").write_bytes(b"")
    report = send(folder, pacs)
    assert report.ok
    assert report.not_dicom == ("README.txt", "series-01/empty.dcm")
    listed = [row["file"] for row in rows_of(report.journal) if row["state"] == "not-dicom"]
    assert listed == list(report.not_dicom)


def test_a_copy_of_a_file_is_sent_once_and_another_file_of_its_uid_not_at_all(folder: Path, pacs: FakePacs) -> None:
    shutil.copy(files(folder)[0], folder / "z.dcm")
    report = send(folder, pacs)
    assert report.copies == ("z.dcm",)
    assert len(pacs.sent()) == 5
    edit(folder / "z.dcm", ImageComments="other")
    with pytest.raises(UserError, match="one SOP Instance UID"):
        send(folder, pacs)


def test_a_file_that_changes_after_the_check_is_not_sent(
    folder: Path, pacs: FakePacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = files(folder)[-1]
    search = pacs.search

    def search_and_swap(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        edit(last, PatientName="SMITH^JOHN")
        return search(path, query)

    monkeypatch.setattr(pacs, "search", search_and_swap)
    report = send(folder, pacs)
    assert (report.count("stored"), report.count("failed")) == (4, 1)
    assert any("changed since it was checked" in row["detail"] for row in rows_of(report.journal))


def test_a_file_that_changed_under_its_uid_since_it_was_sent_is_refused(folder: Path, pacs: FakePacs) -> None:
    send(folder, pacs)
    edit(files(folder)[0], ImageComments="SYNTHETIC: another")
    with pytest.raises(UserError, match="has changed since it was sent"):
        send(folder, pacs)


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_without_dicom_is_one_sentence(name: str, pacs: FakePacs, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="medattngan export"):
        send(tmp_path / name, pacs)


def test_where_to_is_said_once(folder: Path) -> None:
    with pytest.raises(UserError, match="one of them only"):
        push(folder, credentials=NOBODY)
    with pytest.raises(UserError, match="one of them only"):
        push(folder, url="https://a/", dimse="a:1", credentials=NOBODY)


def test_pushing_loads_no_torch() -> None:
    code = "import sys, medattngan.pacs.stow, medattngan.pacs.dimse; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_an_export_without_its_seal_is_not_sent(folder: Path) -> None:
    (folder / "seal.json").unlink()
    for given in (folder, folder / "series-01"):
        with pytest.raises(UserError, match=r"seal\.json is missing"):
            require_as_exported(given, look_through(given).instances)


@pytest.mark.parametrize("pushed", [".", "series-01", ".."], ids=["export", "one series of it", "several exports"])
def test_dicom_that_was_added_to_an_export_is_not_sent_until_somebody_says_why(
    folder: Path, pacs: FakePacs, pushed: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    added = folder / "series-01" / "added.dcm"
    shutil.copy(files(make_dicom(tmp_path_factory.mktemp("other") / "dicom", count=1, seed=8))[0], added)
    given = (folder / pushed).resolve()
    with pytest.raises(UserError, match=r"added\.dcm was added to what export wrote.* reseal"):
        push(given, url=pacs.url, credentials=NOBODY, progress=False)
    assert pacs.posts == []
    assert "series-01/added.dcm" in reseal(folder, "one more")
    assert push(given, url=pacs.url, credentials=NOBODY, progress=False).ok
    assert len(pacs.held) == 6


def test_what_lies_in_a_sealed_folder_of_another_kind_is_not_taken_for_its_part(tmp_path: Path, exported: Path) -> None:
    """A folder of DICOM within samples, say: the seal around it is of something else, and has no say."""
    (tmp_path / "pixels.npy").write_bytes(b"0")
    seal(tmp_path, "samples")
    own = tmp_path / "dicom"
    own.mkdir()
    shutil.copy(files(exported)[0], own)
    instances = look_through(own).instances
    assert [one.name for one in instances] == ["slice-00001.dcm"]
    require_as_exported(own, instances)
    with pytest.raises(UserError, match="does not belong"):
        check(tmp_path, "samples")

"""What must hold of any ingest, from files to store."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.scan_files import texture, write_ct, write_dicom, write_nifti
from PIL import Image

from medattngan.core.files import UserError
from medattngan.data.store import SliceStore
from medattngan.scans.find import Found, examine, stacks, walk
from medattngan.stages.ingest import ingest as ingest_module
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.ingest.jobs import Job
from medattngan.stages.ingest.provenance import notes
from medattngan.stages.inspect.inspect import inspect


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def take(source: Path, out: Path, **options: object) -> SliceStore:
    return ingest([source], out, progress=False, **{"size": 16, **options})  # type: ignore[arg-type]


def test_hounsfield_units_come_back_to_half_a_step_inside_the_window(tmp_path: Path) -> None:
    hounsfield = write_ct(tmp_path / "scans", "patient")
    store = take(tmp_path / "scans", tmp_path / "store", window="lung")
    assert store.index["position_mm"].tolist() == [0.0, 3.0, 6.0, 9.0]
    for i in range(len(store)):
        expected = np.clip(hounsfield[i], -1350, 150)
        assert np.abs(store.physical(i) - expected).max() <= store.map.step / 2 + 1e-4
    assert set(store.index["unit"]) == {"HU"}


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_at_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.examine.SMALL_BYTES", 0)
    for patient in range(5):
        write_ct(tmp_path / "scans" / str(patient), f"patient {patient}", slices=8, seed=patient)
        write_nifti(tmp_path / "scans" / f"volume{patient}.nii.gz", texture((12, 12, 12), patient))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)  # workers have one each
    try:
        take(tmp_path / "scans", tmp_path / "one", plane="coronal", workers=1)
    finally:
        torch.set_num_threads(threads)
    take(tmp_path / "scans", tmp_path / "two", plane="coronal", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_no_patient_is_in_two_splits(tmp_path: Path) -> None:
    for patient in range(10):
        for series in range(2):
            folder = tmp_path / "scans" / str(patient) / str(series)
            write_ct(folder, f"patient {patient}", slices=3, seed=patient * 2 + series)
    store = take(tmp_path / "scans", tmp_path / "store")
    assert store.index.groupby("patient")["split"].nunique().eq(1).all()
    assert store.index.groupby("split")["patient"].nunique().to_dict() == {"train": 8, "val": 1, "test": 1}
    assert store.index.groupby("patient")["series"].nunique().eq(2).all()


@pytest.mark.slow
def test_the_split_does_not_depend_on_the_salt(tmp_path: Path, salt: Path) -> None:
    for patient in range(6):
        write_ct(tmp_path / "scans" / str(patient), f"patient {patient}", slices=patient + 2, seed=patient)
    sizes = []
    for name, secret in (("one", b"a" * 32), ("two", b"b" * 32)):
        salt.write_bytes(secret)
        store = take(tmp_path / "scans", tmp_path / name)
        sizes.append(store.index.groupby("split").size().to_dict())
        names = set(store.index["patient"])
    assert sizes[0] == sizes[1]
    assert names.isdisjoint(set(SliceStore.open(tmp_path / "one").index["patient"]))


def test_blank_duplicate_and_foreign_files_are_counted_by_reason(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    write_ct(scans / "a", "patient")
    shutil.copytree(scans / "a", scans / "copy")
    write_dicom(scans / "blank", np.full((16, 16), 5, np.int16), SeriesInstanceUID="1.9")
    write_dicom(scans / "scout", np.zeros((8, 8), np.int16), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_dicom(scans / "mask", np.zeros((8, 8), np.uint8), Modality="SEG")
    (scans / "notes.txt").write_text("not a scan")
    whole = (scans / "a" / "000").read_bytes()
    (scans / "cut").write_bytes(whole[: len(whole) - 100])
    rejected = tmp_path / "rejected.csv"
    store = take(scans, tmp_path / "store", window="full", rejected=rejected)
    assert len(store) == 4
    set_aside = store.provenance["set_aside"]
    wanted = {"blank": 1, "localizer": 1, "derived-object": 1, "not-a-scan": 1, "unreadable": 1, "duplicate": 4}
    assert set_aside["files"] == wanted
    assert set_aside["slices"]["duplicate"] == 4
    with rejected.open(newline="") as handle:
        reasons = {Path(row["file"]).name: row["reason"] for row in csv.DictReader(handle) if "copy" not in row["file"]}
    assert reasons["cut"] == "unreadable"
    assert reasons["notes.txt"] == "not-a-scan"


def test_nothing_usable_is_one_sentence_and_no_store(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("nothing here")
    with pytest.raises(UserError, match="1 not-a-scan"):
        take(tmp_path / "scans", tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans"]


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"size": 7}, "--size"),
        ({"seed": -1}, "--seed"),
        ({"plane": "oblique"}, "--plane"),
        ({"window": "40;400"}, "--window"),
        ({"window": "40,-1"}, "--window"),
        ({"split": (0.5, 0.1, 0.1)}, "--split"),
        ({"split": (1.2, -0.1, -0.1)}, "--split"),
        ({"workers": 0}, "--workers"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_read(tmp_path: Path, options: dict[str, object], key: str) -> None:
    with pytest.raises(UserError, match=key):
        take(tmp_path / "scans", tmp_path / "store", **options)


def test_an_existing_store_is_never_written_over(tmp_path: Path) -> None:
    write_ct(tmp_path / "scans", "patient")
    take(tmp_path / "scans", tmp_path / "store")
    before = contents(tmp_path / "store")
    with pytest.raises(UserError, match="exists already"):
        take(tmp_path / "scans", tmp_path / "store")
    assert contents(tmp_path / "store") == before


KILLED = """
import sys
import time
from collections.abc import Callable
from pathlib import Path
from medattngan.stages.ingest import ingest as module
real, limit = module.run_job, int(sys.argv[3])
def slow(job, at):
    if job.number >= limit:
        Path(sys.argv[4]).touch()
        __import__("time").sleep(60)
    return real(job, at)
module.run_job = slow
module.ingest([Path(sys.argv[1])], Path(sys.argv[2]), size=16, progress=False)
"""


@pytest.mark.slow
def test_an_ingest_killed_midway_leaves_no_store_and_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patient in range(3):
        write_ct(tmp_path / "scans" / str(patient), f"patient {patient}", slices=16, seed=patient)
    take(tmp_path / "scans", tmp_path / "whole")
    waiting = tmp_path / "waiting"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "scans"), str(tmp_path / "store"), "2", str(waiting)]
    with subprocess.Popen(command, env=os.environ) as process:
        while not waiting.exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "store").exists()
    shards = tmp_path / ".store.ingest"
    kept = {path.name: path.stat().st_mtime_ns for path in shards.glob("shard-*.npy")}
    assert len(kept) == 2
    done, real = tmp_path / "done", ingest_module.run_job

    def noted(job: Job, at: Callable[[int], None]) -> int:
        with done.open("a") as numbers:
            numbers.write(f"{job.number} ")
        return real(job, at)

    monkeypatch.setattr(ingest_module, "run_job", noted)
    take(tmp_path / "scans", tmp_path / "store")
    assert done.read_text() == "2 "
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
    assert not shards.exists()


def test_shards_of_other_work_are_not_used(tmp_path: Path) -> None:
    write_ct(tmp_path / "scans", "patient")
    work = tmp_path / ".store.ingest"
    work.mkdir()
    (work / "work.json").write_text('{"fingerprint": "of something else"}')
    (work / "shard-00000.json").write_text("[]")
    assert len(take(tmp_path / "scans", tmp_path / "store")) == 4


def write_pictures(folder: Path, counts: dict[str, int]) -> None:
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = texture((12, 18), seed=i + 1000 * sum(name.encode()), high=255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")


@pytest.mark.parametrize(("count", "labels"), [(20, None), (2, "folders")])
def test_few_folders_of_many_pictures_are_labels_and_so_are_those_the_user_says(
    tmp_path: Path, count: int, labels: str | None
) -> None:
    write_pictures(tmp_path / "scans", {"cat": count, "dog": count})
    store = take(tmp_path / "scans", tmp_path / "store", labels=labels)
    assert store.index.groupby("label").size().to_dict() == {"cat": count, "dog": count}
    assert set(store.index["plane"]) == {"acquired"}
    assert store.intensity["scheme"] == "full-range"
    assert (store.intensity["lower"], store.intensity["upper"]) == (0.0, 255.0)
    assert store.index["patient"].nunique() == 2 * count
    assert not store.codes(0)[:2].any(), "a wide picture is padded above and below, not stretched"
    assert any("Labels from folder names: cat, dog" in note for note in store.provenance["notes"])


@pytest.mark.parametrize(
    "counts",
    [
        {"jane": 19, "john": 19},
        {f"p{i}": 20 for i in range(17)},
        {"jane": 1, "john": 1, "joan": 1},
    ],
    ids=["few-pictures", "many-folders", "one-picture-each"],
)
def test_folders_that_may_be_patients_are_patients_and_no_labels(tmp_path: Path, counts: dict[str, int]) -> None:
    write_pictures(tmp_path / "scans", counts)
    found = [examine(item) for item in walk([tmp_path / "scans"])]
    series = stacks(found, None, False)
    assert {one.label for one in series} == {None}
    assert len({one.patient for one in series}) == len(counts)
    said = notes({"labels": None, "window": None}, series, pd.DataFrame({"modality": [], "label": []}), found)
    assert said == [f"Each of {len(counts)} folders of pictures counts as a patient, and no label was taken from it; "
                    "if they are labels, say --labels folders, or give a table."]  # fmt: skip


def test_one_folder_of_pictures_is_neither_label_nor_patient(tmp_path: Path) -> None:
    write_pictures(tmp_path / "scans", {"images": 40})
    series = stacks([examine(item) for item in walk([tmp_path / "scans"])], None, False)
    assert {one.label for one in series} == {None}
    assert len({one.patient for one in series}) == 40


def test_asking_for_folders_where_there_are_none_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, {"scans": 3})
    with pytest.raises(UserError, match="3 pictures lie in no folder"):
        take(tmp_path / "scans", tmp_path / "store", labels="folders")


def test_a_table_gives_patient_label_age_and_sex(tmp_path: Path) -> None:
    for patient in ("A1", "A2", "A3"):
        for sequence in ("T1", "T2"):
            seed = int(patient[1]) + 10 * (sequence == "T2")
            write_nifti(tmp_path / "scans" / f"{patient}_{sequence}.nii.gz", texture((12, 12, 4), seed))
    table = tmp_path / "participants.csv"
    table.write_text("subject,age,sex,label,site\nA1,30,F,well,x\nA2,,M,ill,x\nA3,50,F,well,y\n")
    store = take(tmp_path / "scans", tmp_path / "store", labels=table)
    rows = store.index.groupby("patient")[["age", "sex", "label"]].first()
    assert sorted(rows.itertuples(index=False, name=None), key=str)[0] == (30.0, "F", "well")
    assert len(rows) == 3
    assert rows["age"].isna().sum() == 1
    table.write_text("subject,label\nnobody,well\n")
    with pytest.raises(UserError, match="No row"):
        take(tmp_path / "scans", tmp_path / "other", labels=table)


def test_only_the_first_volume_of_a_4d_file_is_read_and_that_is_said(tmp_path: Path) -> None:
    series = np.stack([texture((12, 12, 6), seed) for seed in range(3)], axis=-1)
    write_nifti(tmp_path / "scans" / "bold.nii", series)
    store = take(tmp_path / "scans", tmp_path / "store")
    assert len(store) == 6
    assert any("first volume of 4-D" in note for note in store.provenance["notes"])


def test_a_volume_of_labels_is_set_aside(tmp_path: Path) -> None:
    write_nifti(tmp_path / "scans" / "t1.nii", texture((16, 16, 8)))
    regions = np.kron(np.arange(8).reshape(2, 2, 2), np.ones((8, 8, 4))).astype(np.int16)
    write_nifti(tmp_path / "scans" / "regions.nii", regions)
    store = take(tmp_path / "scans", tmp_path / "store")
    assert store.provenance["set_aside"]["files"] == {"label-mask": 1}


def test_inspect_counts_what_is_there_and_draws_it(tmp_path: Path) -> None:
    for patient in range(4):
        write_ct(tmp_path / "scans" / str(patient), f"patient {patient}", seed=patient)
    store = take(tmp_path / "scans", tmp_path / "store")
    said = inspect(store, tmp_path / "sheet.png")
    assert "16 slices of 16 x 16 px" in said
    assert "4 patients" in said
    assert "16 (4)" in said
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet).std() > 10


def test_a_contact_sheet_and_lists_among_the_scans_are_no_scans(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    write_ct(scans, "patient")
    (scans / "labels.csv").write_text("patient,label\npatient,well\n")
    (scans / "notes.txt").write_text("not a scan")
    options = {"labels": str(scans / "labels.csv"), "rejected": str(scans / "rejected.csv")}
    store = ingest(str(scans), str(scans / "store"), size=16, progress=False, **options)
    inspect(store, str(scans / "sheet.png"))
    shutil.rmtree(scans / "store")
    again = ingest([str(scans)], str(scans / "store"), size=16, progress=False, labels=scans / "labels.csv")
    assert again.provenance["set_aside"]["files"] == {"not-a-scan": 1}
    assert len(again) == len(store) == 4


def test_a_list_of_rejected_files_is_never_written_over_anything(tmp_path: Path) -> None:
    write_ct(tmp_path / "scans", "patient")
    (tmp_path / "thesis.csv").write_text("dear to someone")
    with pytest.raises(UserError, match=r"thesis\.csv exists already"):
        take(tmp_path / "scans", tmp_path / "store", rejected=tmp_path / "thesis.csv")
    assert (tmp_path / "thesis.csv").read_text() == "dear to someone"


def test_links_are_followed_once_and_those_that_lead_nowhere_are_listed(tmp_path: Path) -> None:
    write_ct(tmp_path / "elsewhere", "patient")
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (scans / "again").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (scans / "loop").symlink_to(scans, target_is_directory=True)
    (scans / "gone").symlink_to(tmp_path / "absent")
    store = take(scans, tmp_path / "store", rejected=tmp_path / "rejected.csv")
    assert len(store) == 4
    assert store.provenance["set_aside"]["files"] == {"unreadable": 1}
    assert "gone,unreadable" in (tmp_path / "rejected.csv").read_text()


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="absent does not exist"):
        take(tmp_path / "absent", tmp_path / "store")


def test_a_header_that_places_a_scan_nowhere_costs_that_scan_only(tmp_path: Path) -> None:
    write_nifti(tmp_path / "scans" / "good.nii", texture((12, 12, 12)))
    for name, spoilt in (("zero", 0.0), ("nan", np.nan), ("flat", 1.0)):
        volume = nib.Nifti1Image(texture((12, 12, 12), len(name)), np.eye(4))
        for row in ("srow_x", "srow_y", "srow_z"):
            volume.header[row] = spoilt
        volume.header["sform_code"] = 1
        header = volume.header
        raw = header.binaryblock + bytes(4) + volume.get_fdata().astype(header.get_data_dtype()).tobytes("F")
        (tmp_path / "scans" / f"{name}.nii").write_bytes(raw)
    store = take(tmp_path / "scans", tmp_path / "store")
    assert store.provenance["read"]["series"] == 1
    assert store.provenance["set_aside"]["files"] == {"impossible-geometry": 3}


def test_a_position_that_is_no_number_costs_that_slice_only(tmp_path: Path) -> None:
    write_ct(tmp_path / "scans", "patient", slices=3)
    path = tmp_path / "scans" / "000"
    whole = path.read_bytes()
    at = whole.index(b"\x20\x00\x32\x00DS") + 8  # (0020,0032) Image Position (Patient)
    assert whole[at:].startswith(b"0.0\\0.0")
    path.write_bytes(whole[:at] + b"nan" + whole[at + 3 :])
    store = take(tmp_path / "scans", tmp_path / "store", plane="acquired")
    assert len(store.index) == 2
    assert store.index["plane"].tolist() == ["axial"] * 2
    assert store.provenance["set_aside"]["files"] == {"screen-capture": 1}


@pytest.mark.parametrize("error", [KeyError, ValueError, SystemExit])
def test_an_error_in_a_pipeline_is_named_by_its_kind_and_names_nothing_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise error("KANARIE")

    monkeypatch.setattr("medattngan.scans.pipelines.fill_between", broken)
    write_ct(tmp_path / "KANARIE", "KANARIE")
    with pytest.raises(UserError, match=f"4 unreadable: 4 {error.__name__}") as raised:
        take(tmp_path / "KANARIE", tmp_path / "store")
    assert "KANARIE" not in str(raised.value).replace(str(tmp_path / "KANARIE"), "")


def test_shards_are_not_used_for_other_series_where_a_file_is_read_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate("ABC", start=1):
        for scan in range(4):
            volume = 1000 * number + texture((16, 16, 10), seed=10 * number + scan).astype(np.float32)
            write_nifti(tmp_path / "scans" / f"sub-{name}_run-{scan}.nii.gz", volume)
    take(tmp_path / "scans", tmp_path / "whole")
    examined = ingest_module.examine

    def busy(*given: Any) -> list[Found]:
        return [
            replace(one, reason="too-slow", pieces=()) if "sub-A" in one.relative else one for one in examined(*given)
        ]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ingest_module, "examine", busy)
        patched.setattr(ingest_module, "_join", killed)
        with pytest.raises(KeyboardInterrupt):
            take(tmp_path / "scans", tmp_path / "store")
    take(tmp_path / "scans", tmp_path / "store")
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
